//! Why a store gave nothing.

/// What a store answers.
pub type StoreResult<T> = Result<T, ThreadsError>;

/// Why nothing was kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The `after` of a page names nothing in the list.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// Another turn has taken the thread over, or it was deleted.
    #[error("the thread is no longer ours to write in")]
    Lost,
    /// The tables are being made or updated.
    #[error("the database is being prepared")]
    Preparing,
    /// The database does not answer.
    #[error("the database is not available")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}
