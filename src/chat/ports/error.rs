//! Why a store did not answer.

pub type StoreResult<T> = Result<T, ThreadsError>;

#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The `after` of a page is not in the list.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// Another turn holds the thread, or it was deleted.
    #[error("the lease of the thread was lost")]
    Lost,
    /// The tables are being created or updated. This says nothing about the database's health.
    #[error("the database is being prepared")]
    Preparing,
    /// Too many calls waited for a connection of ours. The database was not asked.
    #[error("too many calls wait for the database")]
    Busy,
    /// The database did not answer in time, or failed.
    #[error("the database is not available")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}
