//! Threads in memory, for tests and trials. Nothing survives the process.

mod allowances;
mod conversation;
mod journal;
mod long_results;
mod pins;
mod receipts;
mod sealed_tokens;
mod usage;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use self::conversation::StoredThread;
use self::long_results::ResultBook;
use self::pins::PinsByServer;
use self::receipts::ReceiptBook;
use self::sealed_tokens::TokenBook;
use self::usage::UsageBook;
use super::pages::fitting;
use base::domain::{Item, ItemId, Message, Order, Owner, Page, PageRequest, Thread, ThreadId};
use chat::{
    Beginning, Begun, Claim, Closing, Entry, Lease, Leases, Naming, Rating, Receipts, Received,
    Resource, Settlement, StoreResult, ThreadIndex, ThreadLog, ThreadsError,
};

/// Beyond this, a new thread replaces the oldest: every buffer has a limit.
const MAX_THREADS: usize = 10_000;

/// Threads in the order of their creation.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    threads: VecDeque<StoredThread>,
    receipts: ReceiptBook,
    usage: UsageBook,
    pins: PinsByServer,
    tokens: TokenBook,
    results: ResultBook,
}

impl All {
    /// Searches from the end, because the newest threads are asked for most.
    fn find(&mut self, id: &str) -> Option<&mut StoredThread> {
        self.threads.iter_mut().rfind(|kept| kept.thread.id.as_str() == id)
    }

    fn held(&mut self, lease: &Lease) -> Result<&mut StoredThread, ThreadsError> {
        let kept = self.find(lease.resource.as_str()).filter(|kept| kept.is_held_by(lease));
        kept.ok_or(ThreadsError::Lost)
    }

    fn create(&mut self, thread: &Thread, first: Beginning) -> Option<Lease> {
        let lease = Lease { resource: Resource::from(&thread.id), epoch: 1 };
        if self.is_taken(&first) {
            return None;
        }
        let place = self.threads.partition_point(|kept| {
            (kept.thread.created_at, &kept.thread.id) < (thread.created_at, &thread.id)
        });
        if self.threads.get(place).is_some_and(|kept| kept.thread.id == thread.id) {
            return Some(lease); // An earlier attempt was kept.
        }
        self.note(&thread.id, &first);
        self.threads.insert(place, StoredThread::new(thread.clone(), first));
        if self.threads.len() > MAX_THREADS
            && let Some(oldest) = self.threads.pop_front()
        {
            self.receipts.forget(&oldest.thread.id);
            self.results.forget(&oldest.thread.id);
        }
        Some(lease)
    }

    fn begin(&mut self, lease: &Lease, beginning: Beginning) -> Result<Begun, ThreadsError> {
        let thread = self.held(lease)?.thread.id.clone();
        if self.is_taken(&beginning) {
            return Ok(Begun::KeyTaken);
        }
        self.note(&thread, &beginning);
        self.charge_abandoned(&thread, &beginning.attempt);
        self.held(lease)?.begin(beginning);
        Ok(Begun::Kept)
    }

    fn is_taken(&self, beginning: &Beginning) -> bool {
        let receipt = beginning.receipt.as_ref();
        receipt.is_some_and(|receipt| self.receipts.is_taken(receipt, &beginning.attempt))
    }

    fn note(&mut self, thread: &ThreadId, beginning: &Beginning) {
        if let Some(receipt) = beginning.receipt.clone() {
            self.receipts.note(receipt, thread, &beginning.attempt);
        }
    }

    fn received(&mut self, key: &str) -> Option<Received> {
        let (receipt, end) = self.receipts.find(key)?;
        let receipt = receipt.clone();
        let kept = self.find(receipt.thread.as_str())?;
        Some(Received {
            end,
            is_newest: kept.is_newest(&receipt.attempt),
            held: kept.held(),
            has_effects: kept.has_effects(&receipt.item),
            receipt,
        })
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &ThreadId, look: impl FnOnce(&mut StoredThread) -> T) -> Option<T> {
        self.lock().find(id.as_str()).map(look)
    }

    fn with_own<T>(
        &self,
        owner: &Owner,
        id: &ThreadId,
        look: impl FnOnce(&mut StoredThread) -> T,
    ) -> Option<T> {
        self.lock().find(id.as_str()).filter(|kept| kept.thread.owner == *owner).map(look)
    }

    /// Changes a thread if the lease is still valid, and fails with `Lost` otherwise.
    fn write<'a, T: Send + 'a>(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut StoredThread) -> T,
    ) -> BoxFuture<'a, StoreResult<T>> {
        ready(self.lock().held(lease).map(change)).boxed()
    }
}

impl ThreadIndex for MemoryStore {
    fn find<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>> {
        ready(Ok(self.with_own(owner, id, |kept| kept.thread.clone()))).boxed()
    }

    fn list<'a>(
        &'a self,
        owner: &'a Owner,
        request: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Thread>>> {
        let all = self.lock();
        let own = all.threads.iter().map(|kept| &kept.thread).filter(|it| it.owner == *owner);
        ready(page(own.cloned().collect(), request, |thread| thread.id.as_str())).boxed()
    }

    fn name<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, StoreResult<Option<Thread>>> {
        let named = self.with_own(owner, id, |kept| {
            if naming == Naming::IfNone && kept.thread.title.is_some() {
                return None;
            }
            kept.thread.title = Some(title.to_owned());
            Some(kept.thread.clone())
        });
        ready(Ok(named.flatten())).boxed()
    }

    fn delete<'a>(
        &'a self,
        owner: &'a Owner,
        id: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        let mut all = self.lock();
        let before = all.threads.len();
        all.threads.retain(|kept| kept.thread.id != *id || kept.thread.owner != *owner);
        let is_deleted = all.threads.len() < before;
        if is_deleted {
            all.receipts.forget(id);
            all.results.forget(id);
        }
        ready(Ok(is_deleted)).boxed()
    }

    fn items<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        request: &'a PageRequest,
    ) -> BoxFuture<'a, StoreResult<Page<Item>>> {
        let rows = self.with_own(owner, thread, |kept| kept.items()).unwrap_or_default();
        ready(page(rows, request, |item: &Item| item.id.as_str()).map(within)).boxed()
    }

    /// Ratings are never read back by us, so there is nothing to store here.
    fn rate<'a>(
        &'a self,
        _: &'a Owner,
        _: &'a ThreadId,
        _: &'a [ItemId],
        _: Rating,
    ) -> BoxFuture<'a, StoreResult<()>> {
        ready(Ok(())).boxed()
    }
}

impl ThreadLog for MemoryStore {
    fn create<'a>(
        &'a self,
        thread: &'a Thread,
        first: Beginning,
    ) -> BoxFuture<'a, StoreResult<Option<Lease>>> {
        ready(Ok(self.lock().create(thread, first))).boxed()
    }

    fn begin<'a>(
        &'a self,
        lease: &'a Lease,
        beginning: Beginning,
    ) -> BoxFuture<'a, StoreResult<Begun>> {
        ready(self.lock().begin(lease, beginning)).boxed()
    }

    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, StoreResult<()>> {
        self.write(lease, |kept| kept.add(entry))
    }

    fn end<'a>(&'a self, lease: &'a Lease, closing: Closing) -> BoxFuture<'a, StoreResult<()>> {
        let mut all = self.lock();
        let ended = all.held(lease).map(|kept| {
            kept.end(closing.spent, closing.last);
            kept.thread.owner.clone()
        });
        if let (Ok(_), Some(settlement)) = (&ended, &closing.settlement) {
            all.receipts.settle(settlement);
        }
        if let (Ok(owner), Some(charge)) = (&ended, &closing.charge) {
            all.charge(owner, lease.resource.as_str(), charge);
        }
        ready(ended.map(drop)).boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<Message>>> {
        ready(Ok(self.with(thread, |kept| kept.messages(limit)).unwrap_or_default())).boxed()
    }

    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<Entry>>> {
        ready(Ok(self.with(thread, |kept| kept.turn(root)).unwrap_or_default())).boxed()
    }

    fn entry<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Entry>>> {
        ready(Ok(self.with(thread, |kept| kept.entry(item)).flatten())).boxed()
    }

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Item>>> {
        let entry = self.with(thread, |kept| kept.entry(item)).flatten();
        ready(Ok(entry.and_then(|entry| entry.item))).boxed()
    }
}

impl Leases for MemoryStore {
    fn claim<'a>(
        &'a self,
        owner: &'a Owner,
        resource: &'a Resource,
    ) -> BoxFuture<'a, StoreResult<Claim>> {
        let mut all = self.lock();
        let own = all.find(resource.as_str()).filter(|kept| kept.thread.owner == *owner);
        let claim = match own.map(StoredThread::take) {
            Some(Some(lease)) => Claim::Held(lease),
            Some(None) => Claim::Taken,
            None => Claim::Unknown,
        };
        ready(Ok(claim)).boxed()
    }

    fn renew<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, StoreResult<Vec<Resource>>> {
        let mut all = self.lock();
        // A heartbeat may arrive after the turn's end: it must not hold a released thread again.
        let renewed = leases.iter().filter(|lease| {
            let kept = all.held(lease).ok().filter(|kept| !kept.is_released());
            kept.map(StoredThread::prolong).is_some()
        });
        ready(Ok(renewed.map(|lease| lease.resource.clone()).collect())).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, StoreResult<()>> {
        if let Ok(kept) = self.lock().held(lease) {
            kept.release();
        }
        ready(Ok(())).boxed()
    }
}

impl Receipts for MemoryStore {
    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Received>>> {
        ready(Ok(self.lock().received(key))).boxed()
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> BoxFuture<'a, StoreResult<()>> {
        self.lock().receipts.settle(settlement);
        ready(Ok(())).boxed()
    }
}

fn page<T>(
    mut rows: Vec<T>,
    request: &PageRequest,
    id: impl Fn(&T) -> &str,
) -> StoreResult<Page<T>> {
    if request.order == Order::Desc {
        rows.reverse();
    }
    let skipped = match &request.after {
        None => 0,
        Some(after) => {
            let place = rows.iter().position(|row| id(row) == after);
            place.ok_or(ThreadsError::UnknownCursor)? + 1
        }
    };
    Ok(cut(rows.split_off(skipped), request.limit, id))
}

/// Cuts a page where its items are large enough.
fn within(page: Page<Item>) -> Page<Item> {
    let all = u32::try_from(page.data.len()).unwrap_or(u32::MAX);
    let size = |item| serde_json::to_string(item).map_or(0, |json| json.len());
    let fits = fitting(page.data.iter().map(size), all);
    if fits < all { cut(page.data, fits, |item| item.id.as_str()) } else { page }
}

/// Expects one row more than `limit` if more follow; that is how `has_more` is known.
pub(super) fn cut<T>(mut data: Vec<T>, limit: u32, id: impl Fn(&T) -> &str) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = data.len() > limit;
    data.truncate(limit);
    let after = data.last().filter(|_| has_more).map(|row| id(row).to_owned());
    Page { data, has_more, after }
}
