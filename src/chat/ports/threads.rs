//! Threads as users see them: what is done with them outside of turns.

use futures::future::BoxFuture;
use serde::Deserialize;

use super::StoreResult;
use base::domain::{Item, ItemId, Owner, Page, PageRequest, Thread, ThreadId};

/// Threads of one owner; those of others are as if they did not exist (ADR 29).
pub trait ThreadIndex: Send + Sync {
    fn find<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>>;

    /// In the order of creation.
    fn list<'a>(
        &'a self,
        owner: &'a Owner,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Thread>>>;

    /// Sets the title; [`Naming`] says whether it replaces one. `None` if there is no such thread.
    fn name<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>>;

    /// Deletes a thread and everything that belongs to it; tells whether it existed.
    fn delete<'a>(&'a self, owner: &'a Owner, id: &'a ThreadId)
    -> BoxFuture<'a, StoreResult<bool>>;

    /// In the order in which they were stored.
    fn items<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Item>>>;

    fn rate<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, StoreResult<()>>;
}

/// Who chose a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The user: it replaces any.
    Always,
    /// We: it is set only if there is none.
    IfNone,
}

/// The user's opinion of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    Positive,
    Negative,
}
