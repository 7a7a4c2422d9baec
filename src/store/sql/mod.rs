//! Conversations in SQLite or PostgreSQL: one set of statements for both.

mod entries;
mod journal;
mod leases;
mod receipts;
mod rows;
mod threads;

use futures::FutureExt;
use futures::future::BoxFuture;

use self::rows::{EntryRow, PartingRow};
use super::database::Database;
use super::fault::StoreFault;
use crate::chat::{
    Claim, DoneEffect, Entry, Journal, Kept, Known, Lease, Naming, NewEffect, Parting, Rating,
    Receipt, Receipts, Threads,
};
use crate::domain::{
    Dependency, Detail, HealthProbe, Item, ItemId, Message, Page, PageRequest, Thread, ThreadId,
};

/// Keeps conversations in a database.
#[derive(Debug)]
pub struct SqlStore(Database);

type Found<T> = Result<T, StoreFault>;

impl SqlStore {
    /// Conversations in this database.
    pub(super) fn new(database: Database) -> Self {
        Self(database)
    }
}

impl Threads for SqlStore {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<Lease>> {
        async move {
            let first = EntryRow::new(&first).map_err(StoreFault::from)?;
            self.0.call(|| self.insert_thread(thread, &first)).await
        }
        .boxed()
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.0.call(|| self.select_thread(id)).boxed()
    }

    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        self.0.call(|| self.select_threads(page)).boxed()
    }

    fn name<'a>(
        &'a self,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.0.call(move || self.update_title(id, title, naming)).boxed()
    }

    fn delete<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<bool>> {
        self.0.call(|| self.delete_thread(id)).boxed()
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        self.0.call(|| self.select_items(thread, page)).boxed()
    }

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Option<Item>>> {
        self.0.call(|| self.select_item(thread, item)).boxed()
    }

    fn rate<'a>(
        &'a self,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, Kept<()>> {
        self.0.call(move || self.upsert_ratings(thread, items, rating)).boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        self.0.call(move || self.select_messages(thread, limit)).boxed()
    }

    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<Entry>>> {
        self.0.call(|| self.select_turn(thread, turn)).boxed()
    }

    fn claim<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Claim>> {
        self.0.call(|| self.take_lease(id)).boxed()
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Kept<()>> {
        self.0.call(|| self.prolong_lease(lease)).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease, parting: Parting) -> BoxFuture<'a, Kept<()>> {
        async move {
            let parting = PartingRow::new(&parting).map_err(StoreFault::from)?;
            self.0.call(|| self.end_lease(lease, &parting)).await
        }
        .boxed()
    }

    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        async move {
            let entry = EntryRow::new(&entry).map_err(StoreFault::from)?;
            self.0.call(|| self.append(lease, &entry)).await
        }
        .boxed()
    }

    fn rewind<'a>(
        &'a self,
        lease: &'a Lease,
        to: &'a ItemId,
        kept: Vec<Entry>,
    ) -> BoxFuture<'a, Kept<()>> {
        async move {
            let kept: Result<Vec<_>, _> = kept.iter().map(EntryRow::new).collect();
            let kept = kept.map_err(StoreFault::from)?;
            self.0.call(|| self.replace_after(lease, to, &kept)).await
        }
        .boxed()
    }
}

impl Journal for SqlStore {
    fn intend<'a>(&'a self, lease: &'a Lease, effect: &'a NewEffect) -> BoxFuture<'a, Kept<Known>> {
        self.0.call(|| self.insert_effect(lease, effect)).boxed()
    }

    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, Kept<()>> {
        self.0.call(move || self.update_effect(lease, key, output)).boxed()
    }

    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, Kept<()>> {
        self.0.call(move || self.delete_effect(lease, key)).boxed()
    }

    fn effects<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<DoneEffect>>> {
        self.0.call(|| self.select_effects(thread, turn)).boxed()
    }
}

impl Receipts for SqlStore {
    fn receive<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        self.0.call(|| self.insert_receipt(receipt)).boxed()
    }

    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        self.0.call(move || self.select_receipt(key)).boxed()
    }

    fn supersede<'a>(&'a self, old: &'a Receipt, new: &'a Receipt) -> BoxFuture<'a, Kept<bool>> {
        self.0.call(move || self.replace_receipt(old, new)).boxed()
    }

    fn settle<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<()>> {
        self.0.call(|| self.update_receipt(receipt)).boxed()
    }
}

impl HealthProbe for SqlStore {
    fn report(&self) -> Vec<Dependency> {
        let (name, breaker) = ("database".to_owned(), self.0.report());
        vec![Dependency { name, breaker, detail: Detail::Database }]
    }
}
