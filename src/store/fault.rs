//! What can go wrong between us and a database, as the guard must understand it.

use std::fs::File;
use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;

use crate::chat::ThreadsError;
use crate::domain::is_out_of_files;
use crate::resilience::{Fault, GuardRefusal, Repeat, Verdict};

/// SQLite's code for a file that it cannot open.
const CANNOT_OPEN: &str = "14";

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreFault {
    /// The guard ended it.
    #[error("the guard refused: {0:?}")]
    Refused(GuardRefusal),
    /// The database did.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// The tables could not be made.
    #[error(transparent)]
    Migrate(#[from] Arc<MigrateError>),
    /// Its file is not there any more.
    #[error(
        "the database file was removed or replaced; put it back, or restart with what is there"
    )]
    Gone,
    /// They are being made.
    #[error("the database is being prepared")]
    Preparing,
    /// What was read is not what we wrote.
    #[error("a stored value cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// The page begins after something that is not there.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// The lease counts no more.
    #[error("the thread is held by another turn")]
    Lost,
}

impl StoreFault {
    /// Another writer drew the same number for its entry and was faster; only PostgreSQL lets
    /// two write at the same time.
    pub(super) fn is_sequence_conflict(&self) -> bool {
        self.is_about("entries_pkey")
    }

    /// Whether a constraint of this name is violated.
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
            Self::Unreadable(_) | Self::UnknownCursor | Self::Lost => Verdict::Answered,
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
            StoreFault::Refused(_)
            | StoreFault::Sql(_)
            | StoreFault::Gone
            | StoreFault::Migrate(_)
            | StoreFault::Unreadable(_) => Self::Unavailable(Some(Box::new(fault))),
        }
    }
}

/// A value that it refuses does not speak against a database, nor does it that all our places are
/// in use; not to answer does. PostgreSQL also answers with an error of its own while it starts, stops or is full.
fn verdict(error: &sqlx::Error) -> Verdict {
    let refused = error.as_database_error().is_some_and(|error| {
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

/// We have no file left to open. SQLite does not say why it cannot open one; `/dev/null` can be
/// opened if anything can.
fn is_ours(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let opened = || File::open("/dev/null").map_err(|error| is_out_of_files(&error)).err();
    is_out_of_files(error) || code.as_deref() == Some(CANNOT_OPEN) && opened() == Some(true)
}

/// Somebody else was at the same rows or the same file: SQLite's `BUSY` and its kinds,
/// PostgreSQL's deadlocks and failed serialisations.
fn was_in_the_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.as_deref().unwrap_or_default();
    matches!(code, "5" | "261" | "517" | "773" | "6" | "262" | "40001" | "40P01")
}
