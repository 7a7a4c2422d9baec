//! What a caller does with threads between turns. `api` reaches the store only through this.

use super::{Naming, Rating, StoreResult, ThreadIndex};
use base::domain::{Caller, Item, ItemId, Page, PageRequest, Thread, ThreadId};

#[derive(Clone, Copy)]
pub struct Conversations<'a> {
    index: &'a dyn ThreadIndex,
    caller: &'a Caller,
}

impl<'a> Conversations<'a> {
    pub(super) const fn new(index: &'a dyn ThreadIndex, caller: &'a Caller) -> Self {
        Self { index, caller }
    }

    pub async fn find(self, id: &ThreadId) -> StoreResult<Option<Thread>> {
        self.index.find(&self.caller.owner, id).await
    }

    /// In the order of creation.
    pub async fn list(self, page: &PageRequest) -> StoreResult<Page<Thread>> {
        self.index.list(&self.caller.owner, page).await
    }

    /// The items that a user may see, in the order in which they were stored.
    pub async fn items(self, thread: &ThreadId, page: &PageRequest) -> StoreResult<Page<Item>> {
        let mut items = self.index.items(&self.caller.owner, thread, page).await?;
        // After the page was cut, so a page may be shorter than its limit.
        items.data.retain(|item| !item.is_hidden());
        Ok(items)
    }

    /// Replaces any title. `None` if there is no such thread.
    pub async fn rename(self, id: &ThreadId, title: &str) -> StoreResult<Option<Thread>> {
        self.index.name(&self.caller.owner, id, title, Naming::Always).await
    }

    /// Deletes a thread with everything that belongs to it; tells whether it existed.
    pub async fn delete(self, id: &ThreadId) -> StoreResult<bool> {
        self.index.delete(&self.caller.owner, id).await
    }

    pub async fn rate(self, id: &ThreadId, items: &[ItemId], rating: Rating) -> StoreResult<()> {
        self.index.rate(&self.caller.owner, id, items, rating).await?;
        // Ids and a count: no log contains what anybody wrote, or who it was (ADR 4).
        tracing::info!(thread_id = %id, items = items.len(), ?rating, "Feedback");
        Ok(())
    }
}
