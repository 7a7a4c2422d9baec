//! Threads in memory: for tests, and for those who want nothing kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::chat::{Entry, Kept, Threads, ThreadsError};
use crate::domain::{Item, Message, Order, Page, PageRequest, Thread, ThreadId};

/// The oldest thread goes when one more comes.
const MAX_THREADS: usize = 10_000;

/// Keeps threads, in the order of their creation, until the process ends.
#[derive(Debug, Default)]
pub struct MemoryThreads(Mutex<VecDeque<Conversation>>);

/// One thread and what happened in it.
#[derive(Debug)]
struct Conversation {
    thread: Thread,
    entries: Vec<Entry>,
}

impl MemoryThreads {
    fn all(&self) -> MutexGuard<'_, VecDeque<Conversation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into one thread, if it is there.
    fn with<T>(&self, id: &ThreadId, look: impl FnOnce(&mut Conversation) -> T) -> Option<T> {
        self.all().iter_mut().find(|kept| kept.thread.id == *id).map(look)
    }

    fn insert(&self, thread: &Thread, first: Entry) {
        let mut all = self.all();
        if all.len() >= MAX_THREADS {
            all.pop_front();
        }
        let place = all.partition_point(|kept| {
            (kept.thread.created_at, &kept.thread.id) < (thread.created_at, &thread.id)
        });
        all.insert(place, Conversation { thread: thread.clone(), entries: vec![first] });
    }
}

impl Conversation {
    /// An item that is there already is replaced where it stands.
    fn add(&mut self, entry: Entry) {
        let id = |entry: &Entry| entry.item.as_ref().map(|item| item.id.clone());
        let new = id(&entry);
        match self.entries.iter_mut().find(|kept| new.is_some() && id(kept) == new) {
            Some(kept) => {
                kept.item = entry.item;
                kept.message = entry.message.or_else(|| kept.message.take());
            }
            None => self.entries.push(entry),
        }
    }
}

impl Threads for MemoryThreads {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<()>> {
        self.insert(thread, first);
        ready(Ok(())).boxed()
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        ready(Ok(self.with(id, |kept| kept.thread.clone()))).boxed()
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        let rows = self.all().iter().map(|kept| kept.thread.clone()).collect();
        ready(page(rows, request, |thread| thread.id.as_str())).boxed()
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        request: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        let items = |kept: &mut Conversation| {
            kept.entries.iter().filter_map(|entry| entry.item.clone()).collect()
        };
        let rows = self.with(thread, items).unwrap_or_default();
        ready(page(rows, request, |item: &Item| item.id.as_str())).boxed()
    }

    fn add<'a>(&'a self, thread: &'a ThreadId, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        let added = self.with(thread, |kept| kept.add(entry));
        ready(added.ok_or(ThreadsError::Unavailable(None))).boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let newest = |kept: &mut Conversation| {
            let messages = kept.entries.iter().rev().filter_map(|entry| entry.message.clone());
            messages.take(limit).collect::<Vec<_>>()
        };
        let mut messages = self.with(thread, newest).unwrap_or_default();
        messages.reverse();
        ready(Ok(messages)).boxed()
    }
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
