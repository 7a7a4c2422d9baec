//! Threads as people see them: found, listed, named, deleted, between turns and beside them.

use futures::future::BoxFuture;
use serde::Deserialize;

use super::StoreResult;
use crate::domain::{Item, ItemId, Page, PageRequest, Thread, ThreadId};

/// What people do with threads without a turn.
pub trait ThreadIndex: Send + Sync {
    /// Finds a thread.
    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, StoreResult<Option<Thread>>>;

    /// Lists threads by time of creation.
    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, StoreResult<Page<Thread>>>;

    /// Gives a thread a title; unless told to, one that it has is left alone.
    fn name<'a>(
        &'a self,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>>;

    /// Forgets a thread and all that belongs to it; tells whether it was there.
    fn delete<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, StoreResult<bool>>;

    /// Lists a thread's items in the order in which they were kept.
    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Item>>>;

    /// Finds an item.
    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Item>>>;

    /// Keeps what the person thinks of items.
    fn rate<'a>(
        &'a self,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, StoreResult<()>>;
}

/// Whose title it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The person's: it counts.
    Always,
    /// Ours: only if there is none.
    IfNone,
}

/// What the person thinks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// Good.
    Positive,
    /// Bad.
    Negative,
}
