//! What conversations need from the outside.

use futures::future::BoxFuture;

use crate::domain::{Item, ItemId, Message, Page, PageRequest, Thread, ThreadId};

/// Where threads are kept.
pub trait Threads: Send + Sync {
    /// Keeps a new thread together with its first entry, or neither.
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<()>>;

    /// Finds a thread.
    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>>;

    /// Lists threads by time of creation.
    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>>;

    /// Lists a thread's items in the order in which they were kept.
    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>>;

    /// Keeps one entry whole, or nothing of it; when this returns, it is committed.
    fn add<'a>(&'a self, thread: &'a ThreadId, entry: Entry) -> BoxFuture<'a, Kept<()>>;

    /// The newest `limit` messages of the transcript, oldest first.
    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>>;
}

/// What a thread's keeper answers.
pub type Kept<T> = Result<T, ThreadsError>;

/// Something that happened in a thread: what the user sees of it, what the model sees of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The user message whose turn it belongs to.
    pub turn: ItemId,
    /// For the user.
    pub item: Option<Item>,
    /// For the model.
    pub message: Option<Message>,
}

/// Why nothing was kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The `after` of a page names nothing in the list.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// The database does not answer.
    #[error("the database is not available")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}
