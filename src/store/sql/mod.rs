//! Threads in SQLite or PostgreSQL, with one set of statements for both (ADR 6). This file maps the
//! ports to statements; each runs under the guard, so it must be repeatable.

mod entries;
mod journal;
mod leases;
mod long_results;
mod pins;
mod receipts;
mod rows;
mod sealed_tokens;
mod threads;
mod turns;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use self::entries::Addition;
use self::receipts::SettlementRow;
use self::threads::NewThread;
use self::turns::{BeginningRow, BeginningWrite, ClosingRow};
use self::usage::ChargeRow;
use super::batch_writer::BatchWriter;
use super::database::Database;
use super::fault::StoreFault;
use base::domain::{
    CallerLimits, Dependency, Detail, HealthProbe, Item, ItemId, Message, Owner, Page, PageRequest,
    Thread, ThreadId,
};
use chat::{
    Allowances, Beginning, Begun, Charge, Claim, Closing, Count, DoneEffect, Entry, Journal, Known,
    Lease, Leases, ModelUsage, Naming, NewEffect, NewTurn, Rating, Receipts, Received, Resource,
    Settlement, StoreResult, ThreadIndex, ThreadLog, Used,
};

#[derive(Debug)]
pub struct SqlStore {
    database: Arc<Database>,
    beginnings: BatchWriter<NewThread>,
    openings: BatchWriter<BeginningRow>,
    additions: BatchWriter<Addition>,
    endings: BatchWriter<ClosingRow>,
}

type SqlResult<T> = Result<T, StoreFault>;

impl SqlStore {
    pub(super) fn new(database: Database) -> Self {
        let database = Arc::new(database);
        Self {
            beginnings: BatchWriter::new(&database),
            openings: BatchWriter::new(&database),
            additions: BatchWriter::new(&database),
            endings: BatchWriter::new(&database),
            database,
        }
    }
}

impl ThreadIndex for SqlStore {
    fn find<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>> {
        self.database.call(|| self.select_thread(owner, id)).boxed()
    }

    fn list<'a>(
        &'a self,
        owner: &'a Owner,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Thread>>> {
        self.database.call(|| self.select_threads(owner, page)).boxed()
    }

    fn name<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>> {
        self.database.call(move || self.update_title(owner, id, title, naming)).boxed()
    }

    fn delete<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        self.database.call(|| self.delete_thread(owner, id)).boxed()
    }

    fn items<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Item>>> {
        self.database.call(|| self.select_items(owner, thread, page)).boxed()
    }

    fn rate<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(move || self.upsert_ratings(owner, thread, items, rating)).boxed()
    }
}

impl ThreadLog for SqlStore {
    fn shortest_wait(&self) -> Duration {
        let (beginnings, openings) = (&self.beginnings, &self.openings);
        let queues = [
            beginnings.shortest_wait(),
            openings.shortest_wait(),
            self.additions.shortest_wait(),
            self.endings.shortest_wait(),
        ];
        queues.into_iter().fold(self.database.shortest_wait(), Duration::max)
    }

    fn create<'a>(
        &'a self,
        thread: &'a Thread,
        first: Beginning,
    ) -> BoxFuture<'a, StoreResult<Option<Lease>>> {
        async move {
            // Built once, outside of the guard: a repeated attempt must write the same ids.
            let new = Arc::new(NewThread::new(thread, &first)?);
            self.database.call(|| self.insert_thread(&new)).await
        }
        .boxed()
    }

    fn begin<'a>(
        &'a self,
        lease: &'a Lease,
        beginning: Beginning,
    ) -> BoxFuture<'a, StoreResult<Begun>> {
        async move {
            let start = BeginningWrite::new(lease, &beginning).map_err(StoreFault::from)?;
            self.database.call(|| self.begin_turn(&start)).await
        }
        .boxed()
    }

    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let addition = Arc::new(Addition::new(lease, &entry).map_err(StoreFault::from)?);
            self.database.call(|| self.append(&addition)).await
        }
        .boxed()
    }

    fn end<'a>(&'a self, lease: &'a Lease, closing: Closing) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let end = Arc::new(ClosingRow::new(lease, &closing).map_err(StoreFault::from)?);
            self.database.call(|| self.end_turn(&end)).await
        }
        .boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<Message>>> {
        self.database.call(move || self.select_messages(thread, limit)).boxed()
    }

    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<Entry>>> {
        self.database.call(|| self.select_turn(thread, root)).boxed()
    }

    fn entry<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Entry>>> {
        self.database.call(|| self.select_entry(thread, item)).boxed()
    }

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Item>>> {
        async move {
            let entry = self.database.call(|| self.select_entry(thread, item)).await?;
            Ok(entry.and_then(|entry| entry.item))
        }
        .boxed()
    }
}

impl Leases for SqlStore {
    fn claim<'a>(
        &'a self,
        owner: &'a Owner,
        resource: &'a Resource,
    ) -> BoxFuture<'a, StoreResult<Claim>> {
        async move {
            // Outside of the guard, so that a repeated attempt recognises its own claim (ADR 23).
            let claim = uuid::Uuid::now_v7().simple().to_string();
            self.database.call(|| self.take_lease(owner, resource, &claim)).await
        }
        .boxed()
    }

    fn renew<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, StoreResult<Vec<Resource>>> {
        self.database.call(|| self.prolong_leases(leases)).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(|| self.release_lease(lease)).boxed()
    }
}

impl Journal for SqlStore {
    fn intend<'a>(
        &'a self,
        lease: &'a Lease,
        effect: &'a NewEffect,
    ) -> BoxFuture<'a, StoreResult<Known>> {
        self.database.call(|| self.insert_effect(lease, effect)).boxed()
    }

    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(move || self.update_effect(lease, key, output)).boxed()
    }

    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(move || self.delete_effect(lease, key)).boxed()
    }

    fn effects<'a>(
        &'a self,
        resource: &'a Resource,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<DoneEffect>>> {
        self.database.call(|| self.select_effects(resource, root)).boxed()
    }
}

impl Receipts for SqlStore {
    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Received>>> {
        self.database.call(move || self.select_receipt(key)).boxed()
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let row = SettlementRow::new(settlement).map_err(StoreFault::from)?;
            self.database.call(|| self.settle_receipt(&row)).await
        }
        .boxed()
    }
}

impl Allowances for SqlStore {
    fn count<'a>(&'a self, turn: &'a NewTurn) -> BoxFuture<'a, StoreResult<Count>> {
        self.database.call(|| self.count_turn(turn)).boxed()
    }

    fn uncount<'a>(&'a self, turn: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(move || self.delete_turn(turn)).boxed()
    }

    fn count_in<'a>(
        &'a self,
        turn: &'a str,
        thread: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<()>> {
        self.database.call(move || self.move_turn(turn, thread)).boxed()
    }

    fn charge<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        charge: &'a Charge,
    ) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let row = ChargeRow::new(charge);
            self.database.call(|| self.insert_charge(owner, thread, &row)).await
        }
        .boxed()
    }

    fn used<'a>(
        &'a self,
        owner: &'a Owner,
        limits: &'a CallerLimits,
    ) -> BoxFuture<'a, StoreResult<Used>> {
        self.database.call(|| self.select_used(owner, limits)).boxed()
    }

    fn usage<'a>(
        &'a self,
        owner: &'a Owner,
        days: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<ModelUsage>>> {
        self.database.call(move || self.select_usage(owner, days)).boxed()
    }
}

impl HealthProbe for SqlStore {
    fn report(&self) -> Vec<Dependency> {
        let (name, breaker) = ("database".to_owned(), self.database.report());
        vec![Dependency { name, breaker, detail: Detail::Database }]
    }
}
