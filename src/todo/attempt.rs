//! How work on the database ends: an answer, a refusal, or a failure whose cause goes to the log
//! only.

use std::time::Duration;

use tokio::time::timeout;

use super::refusal::Refusal;

/// Limit of one call. A repeated call with a key waits for the first one within it.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) type DatabaseResult<T> = Result<T, sqlx::Error>;
/// Work that may also be refused.
pub(super) type Attempt<T> = Result<T, Obstacle>;

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

/// Limits a read. After a failure nothing was done.
pub(super) async fn read<T>(work: impl Future<Output = DatabaseResult<T>>) -> Result<T, Refusal> {
    match timeout(LIMIT, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(&error, Refusal::Unreadable)),
        Err(_) => Err(late(Refusal::Unreadable)),
    }
}

/// Limits a write. After a failure or a timeout it may have been committed, so the refusal says
/// "unknown" and not "nothing was done".
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
