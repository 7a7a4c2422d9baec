//! Faults between us and a database, and what the guard makes of each: verdict and retry.

use std::fs::File;
use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;

use base::domain::is_out_of_files;
use base::resilience::{Fault, GuardRefusal, Repeat, Verdict};
use chat::ThreadsError;

/// SQLite's code for a file that it cannot open.
const CANNOT_OPEN: &str = "14";

#[derive(Debug, thiserror::Error)]
pub(super) enum StoreFault {
    /// The guard ended the call.
    #[error("the guard refused: {0:?}")]
    Refused(GuardRefusal),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// The tables could not be created or updated.
    #[error(transparent)]
    Migrate(#[from] Arc<MigrateError>),
    /// The database file was removed or replaced while it was open.
    #[error(
        "the database file was removed or replaced; put it back, or restart with what is there"
    )]
    Gone,
    /// The tables are being created or updated.
    #[error("the database is being prepared")]
    Preparing,
    /// A stored value has an unknown form.
    #[error("a stored value cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// The page begins after an unknown row.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// The lease is no longer valid.
    #[error("the thread is held by another turn")]
    Lost,
}

impl StoreFault {
    /// Another writer took the same sequence number first. Only PostgreSQL lets two write at once.
    pub(super) fn is_sequence_conflict(&self) -> bool {
        self.is_about("entries_pkey")
    }

    /// What it is after an attempt of the same call that may have been committed.
    pub(super) fn after_doubt(self) -> Self {
        match self {
            Self::Sql(sqlx::Error::PoolTimedOut) => Self::Refused(GuardRefusal::TimedOut),
            fault @ (Self::Refused(_)
            | Self::Sql(_)
            | Self::Migrate(_)
            | Self::Gone
            | Self::Preparing
            | Self::Unreadable(_)
            | Self::UnknownCursor
            | Self::Lost) => fault,
        }
    }

    pub(super) fn is_about(&self, name: &str) -> bool {
        let Self::Sql(error) = self else { return false };
        error.as_database_error().and_then(DatabaseError::constraint) == Some(name)
    }
}

impl From<GuardRefusal> for StoreFault {
    fn from(refusal: GuardRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault for StoreFault {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(GuardRefusal::TimedOut) | Self::Migrate(_) | Self::Gone => Verdict::Ill,
            Self::Sql(error) => verdict(error),
            // Proof that the database works, so these close a half-open breaker (ADR 3).
            Self::Unreadable(_) | Self::UnknownCursor | Self::Lost => Verdict::Answered,
            // Nothing was sent. A long migration must not open the breaker (ADR 6).
            Self::Refused(_) | Self::Preparing => Verdict::Nothing,
        }
    }

    fn repeat(&self) -> Repeat {
        let again = match self {
            Self::Refused(_)
            | Self::Preparing
            | Self::Gone
            | Self::Unreadable(_)
            | Self::UnknownCursor
            | Self::Lost => false,
            Self::Migrate(_) => true,
            Self::Sql(error) => verdict(error) == Verdict::Ill || was_in_the_way(error),
        };
        if again { Repeat::AfterBackoff } else { Repeat::Never }
    }
}

impl From<StoreFault> for ThreadsError {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::UnknownCursor => Self::UnknownCursor,
            StoreFault::Lost => Self::Lost,
            StoreFault::Preparing => Self::Preparing,
            StoreFault::Sql(sqlx::Error::PoolTimedOut) => Self::Busy,
            StoreFault::Refused(_)
            | StoreFault::Sql(_)
            | StoreFault::Gone
            | StoreFault::Migrate(_)
            | StoreFault::Unreadable(_) => Self::Unavailable(Some(Box::new(fault))),
        }
    }
}

/// A refused value does not count against the database, nor do our connections being all in use.
/// No answer does, and so do the errors that PostgreSQL sends while it starts, stops or is full.
fn verdict(error: &sqlx::Error) -> Verdict {
    let refused = error.as_database_error().is_some_and(|error| {
        // SQLSTATE class 22 is "data exception". sqlx reports it as `Other`, like a failing server.
        let is_data = error.code().is_some_and(|code| code.len() == 5 && code.starts_with("22"));
        is_data || error.kind() != ErrorKind::Other
    });
    let unfit = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    if matches!(error, sqlx::Error::PoolTimedOut) || is_ours(error) {
        Verdict::Nothing
    } else if refused || unfit || was_in_the_way(error) {
        Verdict::Answered
    } else {
        Verdict::Ill
    }
}

/// Our process has no free file descriptor. SQLite does not say why it cannot open a file, so
/// `/dev/null` is the test: it opens if anything does.
fn is_ours(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let opened = || File::open("/dev/null").map_err(|error| is_out_of_files(&error)).err();
    is_out_of_files(error) || code.as_deref() == Some(CANNOT_OPEN) && opened() == Some(true)
}

/// Another writer held the same rows or file: SQLite's `BUSY` and `LOCKED` with their variants,
/// PostgreSQL's deadlocks and failed serialisations.
fn was_in_the_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.as_deref().unwrap_or_default();
    matches!(code, "5" | "261" | "517" | "773" | "6" | "262" | "40001" | "40P01")
}
