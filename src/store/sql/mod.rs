//! Conversations in SQLite or PostgreSQL: one set of statements for both.

mod entries;
mod journal;
mod leases;
mod receipts;
mod rows;
mod threads;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use self::entries::Addition;
use self::leases::End;
use self::threads::Beginning;
use super::database::Database;
use super::fault::StoreFault;
use super::together::Together;
use crate::chat::{
    Claim, DoneEffect, Entry, Journal, Kept, Known, Lease, Naming, NewEffect, Parting, Rating,
    Receipt, Receipts, Threads,
};
use crate::domain::{
    Dependency, Detail, HealthProbe, Item, ItemId, Message, Page, PageRequest, Thread, ThreadId,
};

/// Keeps conversations in a database.
#[derive(Debug)]
pub struct SqlStore {
    database: Arc<Database>,
    beginnings: Together<Beginning>,
    additions: Together<Addition>,
    endings: Together<End>,
}

type Found<T> = Result<T, StoreFault>;

impl SqlStore {
    /// Conversations in this database.
    pub(super) fn new(database: Database) -> Self {
        let database = Arc::new(database);
        Self {
            beginnings: Together::new(&database),
            additions: Together::new(&database),
            endings: Together::new(&database),
            database,
        }
    }
}

impl Threads for SqlStore {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<Lease>> {
        async move {
            let beginning = Arc::new(Beginning::new(thread, &first).map_err(StoreFault::from)?);
            self.database.call(|| self.insert_thread(&beginning)).await
        }
        .boxed()
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.database.call(|| self.select_thread(id)).boxed()
    }

    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        self.database.call(|| self.select_threads(page)).boxed()
    }

    fn name<'a>(
        &'a self,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.database.call(move || self.update_title(id, title, naming)).boxed()
    }

    fn delete<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<bool>> {
        self.database.call(|| self.delete_thread(id)).boxed()
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        self.database.call(|| self.select_items(thread, page)).boxed()
    }

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Option<Item>>> {
        self.database.call(|| self.select_item(thread, item)).boxed()
    }

    fn rate<'a>(
        &'a self,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, Kept<()>> {
        self.database.call(move || self.upsert_ratings(thread, items, rating)).boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        self.database.call(move || self.select_messages(thread, limit)).boxed()
    }

    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<Entry>>> {
        self.database.call(|| self.select_turn(thread, turn)).boxed()
    }

    fn claim<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Claim>> {
        self.database.call(|| self.take_lease(id)).boxed()
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Kept<()>> {
        self.database.call(|| self.prolong_lease(lease)).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease, parting: Parting) -> BoxFuture<'a, Kept<()>> {
        async move {
            let end = Arc::new(End::new(lease, &parting).map_err(StoreFault::from)?);
            self.database.call(|| self.end_lease(&end)).await
        }
        .boxed()
    }

    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        async move {
            let addition = Arc::new(Addition::new(lease, &entry).map_err(StoreFault::from)?);
            self.database.call(|| self.append(&addition)).await
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
            let kept: Result<Vec<_>, _> =
                kept.iter().map(|entry| Addition::new(lease, entry)).collect();
            let kept = kept.map_err(StoreFault::from)?;
            self.database.call(|| self.replace_after(lease, to, &kept)).await
        }
        .boxed()
    }
}

impl Journal for SqlStore {
    fn intend<'a>(&'a self, lease: &'a Lease, effect: &'a NewEffect) -> BoxFuture<'a, Kept<Known>> {
        self.database.call(|| self.insert_effect(lease, effect)).boxed()
    }

    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, Kept<()>> {
        self.database.call(move || self.update_effect(lease, key, output)).boxed()
    }

    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, Kept<()>> {
        self.database.call(move || self.delete_effect(lease, key)).boxed()
    }

    fn effects<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<DoneEffect>>> {
        self.database.call(|| self.select_effects(thread, turn)).boxed()
    }
}

impl Receipts for SqlStore {
    fn receive<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        self.database.call(|| self.insert_receipt(receipt)).boxed()
    }

    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        self.database.call(move || self.select_receipt(key)).boxed()
    }

    fn supersede<'a>(&'a self, old: &'a Receipt, new: &'a Receipt) -> BoxFuture<'a, Kept<bool>> {
        self.database.call(move || self.replace_receipt(old, new)).boxed()
    }

    fn settle<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<()>> {
        self.database.call(|| self.update_receipt(receipt)).boxed()
    }
}

impl HealthProbe for SqlStore {
    fn report(&self) -> Vec<Dependency> {
        let (name, breaker) = ("database".to_owned(), self.database.report());
        vec![Dependency { name, breaker, detail: Detail::Database }]
    }
}
