//! What a caller does with conversations between turns: the door has no other way to the store.

use super::{Naming, Rating, StoreResult, ThreadIndex};
use crate::domain::{Caller, Item, ItemId, Page, PageRequest, Thread, ThreadId};

/// The conversations of one caller.
#[derive(Clone, Copy)]
pub struct Conversations<'a> {
    index: &'a dyn ThreadIndex,
    caller: &'a Caller,
}

impl<'a> Conversations<'a> {
    pub(super) const fn new(index: &'a dyn ThreadIndex, caller: &'a Caller) -> Self {
        Self { index, caller }
    }

    /// Finds a thread.
    pub async fn find(self, id: &ThreadId) -> StoreResult<Option<Thread>> {
        self.index.find(id).await
    }

    /// Lists threads by time of creation.
    pub async fn list(self, page: &PageRequest) -> StoreResult<Page<Thread>> {
        self.index.list(page).await
    }

    /// Lists what a person may see of a thread, in the order in which it was kept.
    pub async fn items(self, thread: &ThreadId, page: &PageRequest) -> StoreResult<Page<Item>> {
        let mut items = self.index.items(thread, page).await?;
        items.data.retain(|item| !item.is_hidden());
        Ok(items)
    }

    /// Gives a thread the title that the person wants; none if there is no such thread.
    pub async fn rename(self, id: &ThreadId, title: &str) -> StoreResult<Option<Thread>> {
        self.index.name(id, title, Naming::Always).await
    }

    /// Forgets a thread and all that belongs to it; tells whether it was there.
    pub async fn delete(self, id: &ThreadId) -> StoreResult<bool> {
        self.index.delete(id).await
    }

    /// Keeps what the person thinks of items.
    pub async fn rate(self, id: &ThreadId, items: &[ItemId], rating: Rating) -> StoreResult<()> {
        self.index.rate(id, items, rating).await?;
        let caller = &self.caller.id;
        tracing::info!(thread_id = %id, %caller, items = items.len(), ?rating, "Feedback");
        Ok(())
    }
}
