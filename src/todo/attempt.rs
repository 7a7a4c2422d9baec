//! How work on the database ends: with an answer, a refusal, or a failure that only the log is told.

use std::time::Duration;

use tokio::time::timeout;

use super::refusal::Refusal;

/// The longest that one call may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Work that can only fail.
pub(super) type DatabaseResult<T> = Result<T, sqlx::Error>;
/// Work that can be refused too.
pub(super) type Attempt<T> = Result<T, Obstacle>;

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Obstacle {
    Refused(Refusal),
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for Obstacle {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What was read, unless it fails or takes too long.
pub(super) async fn read<T>(work: impl Future<Output = DatabaseResult<T>>) -> Result<T, Refusal> {
    match timeout(LIMIT, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(&error, Refusal::Unreadable)),
        Err(_) => Err(late(Refusal::Unreadable)),
    }
}

/// What was written, unless it is refused, fails or takes too long.
pub(super) async fn write<T>(work: impl Future<Output = Attempt<T>>) -> Result<T, Refusal> {
    match timeout(LIMIT, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Obstacle::Refused(refusal))) => Err(refusal),
        Ok(Err(Obstacle::Failed(error))) => Err(failed(&error, Refusal::Unsaved)),
        Err(_) => Err(late(Refusal::Unsaved)),
    }
}

fn failed(error: &sqlx::Error, refusal: Refusal) -> Refusal {
    tracing::error!(error = error as &dyn std::error::Error, "The database failed");
    refusal
}

fn late(refusal: Refusal) -> Refusal {
    tracing::error!(limit_ms = 5_000, "The database did not answer in time");
    refusal
}
