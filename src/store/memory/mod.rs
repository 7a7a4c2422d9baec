//! Conversations in memory: for tests, and for those who want nothing kept.

mod conversation;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use self::conversation::Conversation;
use crate::chat::{
    Claim, DoneEffect, Entry, Journal, Kept, Known, Lease, Naming, NewEffect, Parting, Rating,
    Receipt, Receipts, Threads, ThreadsError,
};
use crate::domain::{Item, ItemId, Message, Order, Page, PageRequest, Thread, ThreadId};

/// The oldest thread goes when one more comes.
const MAX_THREADS: usize = 10_000;
/// And so does the oldest receipt.
const MAX_RECEIPTS: usize = 10_000;

/// Keeps conversations, in the order of their creation, until the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    threads: Mutex<VecDeque<Conversation>>,
    receipts: Mutex<VecDeque<Receipt>>,
}

impl MemoryStore {
    /// Looks into one thread, if it is there; the newest are asked for most.
    fn with<T>(&self, id: &ThreadId, look: impl FnOnce(&mut Conversation) -> T) -> Option<T> {
        lock(&self.threads).iter_mut().rfind(|kept| kept.thread.id == *id).map(look)
    }

    /// Writes in a thread, if the lease on it still counts.
    fn write<'a, T: Send + 'a>(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut Conversation) -> T,
    ) -> BoxFuture<'a, Kept<T>> {
        let written = self.with(&lease.thread, |kept| kept.is_held_by(lease).then(|| change(kept)));
        ready(written.flatten().ok_or(ThreadsError::Lost)).boxed()
    }

    fn insert(&self, thread: &Thread, first: Entry) {
        let mut all = lock(&self.threads);
        let place = all.partition_point(|kept| {
            (kept.thread.created_at, &kept.thread.id) < (thread.created_at, &thread.id)
        });
        if all.get(place).is_some_and(|kept| kept.thread.id == thread.id) {
            return; // An earlier attempt was kept.
        }
        all.insert(place, Conversation::new(thread.clone(), first));
        if all.len() > MAX_THREADS {
            all.pop_front();
        }
    }
}

impl Threads for MemoryStore {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<Lease>> {
        self.insert(thread, first);
        ready(Ok(Lease { thread: thread.id.clone(), epoch: 1 })).boxed()
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        ready(Ok(self.with(id, |kept| kept.thread.clone()))).boxed()
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        let rows = lock(&self.threads).iter().map(|kept| kept.thread.clone()).collect();
        ready(page(rows, request, |thread| thread.id.as_str())).boxed()
    }

    fn name<'a>(
        &'a self,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, Kept<Option<Thread>>> {
        let named = self.with(id, |kept| {
            if naming == Naming::IfNone && kept.thread.title.is_some() {
                return None;
            }
            kept.thread.title = Some(title.to_owned());
            Some(kept.thread.clone())
        });
        ready(Ok(named.flatten())).boxed()
    }

    fn delete<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<bool>> {
        let mut all = lock(&self.threads);
        let before = all.len();
        all.retain(|kept| kept.thread.id != *id);
        ready(Ok(all.len() < before)).boxed()
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        request: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        let rows = self.with(thread, |kept| kept.items()).unwrap_or_default();
        ready(page(rows, request, |item: &Item| item.id.as_str())).boxed()
    }

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Option<Item>>> {
        ready(Ok(self.with(thread, |kept| kept.item(item)).flatten())).boxed()
    }

    /// Nobody can ask for them again, and they die with the process anyway.
    fn rate<'a>(&'a self, _: &'a ThreadId, _: &'a [ItemId], _: Rating) -> BoxFuture<'a, Kept<()>> {
        ready(Ok(())).boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        ready(Ok(self.with(thread, |kept| kept.messages(limit)).unwrap_or_default())).boxed()
    }

    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<Entry>>> {
        ready(Ok(self.with(thread, |kept| kept.turn(turn)).unwrap_or_default())).boxed()
    }

    fn claim<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Claim>> {
        let claim = self.with(id, |kept| match kept.take() {
            Some(lease) => Claim::Held(kept.thread.clone(), lease),
            None => Claim::Taken,
        });
        ready(Ok(claim.unwrap_or(Claim::Unknown))).boxed()
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Kept<()>> {
        let renewed = self.with(&lease.thread, |kept| {
            let is_held = kept.is_held_by(lease) && !kept.is_let_go();
            is_held.then(|| kept.prolong())
        });
        ready(renewed.flatten().ok_or(ThreadsError::Lost)).boxed()
    }

    fn release<'a>(&'a self, lease: &'a Lease, parting: Parting) -> BoxFuture<'a, Kept<()>> {
        self.write(lease, |kept| {
            if let Some(last) = parting.last {
                kept.add(last);
            }
            if let Some(receipt) = &parting.receipt {
                self.put(receipt, receipt);
            }
            kept.let_go(parting.spent);
        })
    }

    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        self.write(lease, |kept| kept.add(entry))
    }

    fn rewind<'a>(
        &'a self,
        lease: &'a Lease,
        to: &'a ItemId,
        kept: Vec<Entry>,
    ) -> BoxFuture<'a, Kept<()>> {
        self.write(lease, |conversation| conversation.rewind(to, kept))
    }
}

impl Journal for MemoryStore {
    fn intend<'a>(&'a self, lease: &'a Lease, effect: &'a NewEffect) -> BoxFuture<'a, Kept<Known>> {
        self.write(lease, |kept| kept.intend(effect))
    }

    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, Kept<()>> {
        self.with(&lease.thread, |kept| kept.conclude(key, output));
        ready(Ok(())).boxed()
    }

    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, Kept<()>> {
        self.with(&lease.thread, |kept| kept.is_held_by(lease).then(|| kept.withdraw(key)));
        ready(Ok(())).boxed()
    }

    fn effects<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<DoneEffect>>> {
        ready(Ok(self.with(thread, |kept| kept.effects(turn)).unwrap_or_default())).boxed()
    }
}

impl Receipts for MemoryStore {
    fn receive<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        let mut all = lock(&self.receipts);
        let earlier = all.iter().find(|kept| kept.key == receipt.key).cloned();
        if earlier.is_none() {
            if all.len() >= MAX_RECEIPTS {
                all.pop_front();
            }
            all.push_back(receipt.clone());
        }
        ready(Ok(earlier)).boxed()
    }

    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Kept<Option<Receipt>>> {
        let kept = lock(&self.receipts).iter().find(|kept| kept.key == key).cloned();
        ready(Ok(kept)).boxed()
    }

    fn supersede<'a>(&'a self, old: &'a Receipt, new: &'a Receipt) -> BoxFuture<'a, Kept<bool>> {
        ready(Ok(self.put(old, new))).boxed()
    }

    fn settle<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<()>> {
        self.put(receipt, receipt);
        ready(Ok(())).boxed()
    }
}

impl MemoryStore {
    fn put(&self, old: &Receipt, new: &Receipt) -> bool {
        let mut all = lock(&self.receipts);
        let kept = all.iter_mut().find(|kept| kept.key == old.key && kept.request == old.request);
        kept.map(|kept| *kept = new.clone()).is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn page<T>(mut rows: Vec<T>, request: &PageRequest, id: impl Fn(&T) -> &str) -> Kept<Page<T>> {
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

/// A page out of rows of which there is at least one more than asked for if more follow.
pub(super) fn cut<T>(mut data: Vec<T>, limit: u32, id: impl Fn(&T) -> &str) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = data.len() > limit;
    data.truncate(limit);
    let after = data.last().filter(|_| has_more).map(|row| id(row).to_owned());
    Page { data, has_more, after }
}
