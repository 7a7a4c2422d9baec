//! One thread in memory: its lease, entries and effects. The rules are those of the SQL store;
//! `tests/contract` runs the same tests against both.

use serde_json::Value;
use tokio::time::Instant;

use super::super::pages::fitting;
use base::domain::{Item, ItemId, Message, Spend, Thread};
use chat::{Beginning, DoneEffect, Entry, Held, Known, LEASE, Lease, NewEffect, Resource};

#[derive(Debug)]
pub(super) struct StoredThread {
    pub(super) thread: Thread,
    entries: Vec<Entry>,
    /// Each with the epoch of the lease that began it.
    effects: Vec<(DoneEffect, i64)>,
    newest_attempt: String,
    /// Whether its cost was added to what the owner has used.
    is_newest_charged: bool,
    epoch: i64,
    held_until: Option<Instant>,
}

impl StoredThread {
    /// A new thread is held by its creator, with epoch 1.
    pub(super) fn new(thread: Thread, first: Beginning) -> Self {
        let (entries, effects) = (first.entries, Vec::new());
        let held_until = Some(Instant::now() + LEASE);
        let newest_attempt = first.attempt;
        let is_newest_charged = false;
        Self { thread, entries, effects, newest_attempt, is_newest_charged, epoch: 1, held_until }
    }

    /// The epoch alone decides, as in SQL: an expired lease that nobody claimed may still write.
    pub(super) fn is_held_by(&self, lease: &Lease) -> bool {
        self.epoch == lease.epoch
    }

    pub(super) const fn is_released(&self) -> bool {
        self.held_until.is_none()
    }

    /// None while another holds it.
    pub(super) fn take(&mut self) -> Option<Lease> {
        if self.held_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        self.epoch += 1;
        self.prolong();
        Some(Lease { resource: Resource::from(&self.thread.id), epoch: self.epoch })
    }

    pub(super) fn prolong(&mut self) {
        self.held_until = Some(Instant::now() + LEASE);
    }

    pub(super) fn release(&mut self) {
        self.held_until = None;
    }

    pub(super) fn held(&self) -> Held {
        let silent = |until: Instant| Instant::now().checked_duration_since(until);
        match self.held_until {
            None => Held::LetGo,
            Some(until) => silent(until).map_or(Held::Now, Held::FellSilent),
        }
    }

    /// Whether no other try began since. Only the newest try may continue (ADR 22).
    pub(super) fn is_newest(&self, attempt: &str) -> bool {
        self.newest_attempt == attempt
    }

    /// Notes that the cost of a turn is added; false if it was.
    pub(super) fn charge(&mut self, turn: &str) -> bool {
        self.newest_attempt != turn || !std::mem::replace(&mut self.is_newest_charged, true)
    }

    /// The newest try, if it ended without its cost and is not the `next`.
    pub(super) fn abandoned(&self, next: &str) -> Option<String> {
        let is_abandoned = !self.is_newest_charged && self.newest_attempt != next;
        is_abandoned.then(|| self.newest_attempt.clone())
    }

    pub(super) fn begin(&mut self, beginning: Beginning) {
        self.newest_attempt = beginning.attempt;
        self.is_newest_charged = false;
        if let Some(to) = &beginning.rewind_to {
            self.forget_after(to);
        }
        for entry in beginning.entries {
            self.add(entry);
        }
        if let Some(granted) = beginning.granted {
            self.thread.granted = granted;
        }
    }

    /// Stores the end of a turn and releases the thread.
    pub(super) fn end(&mut self, spent: Spend, last: Option<Entry>) {
        if let Some(last) = last {
            self.add(last);
        }
        self.thread.spent = spent;
        self.release();
    }

    /// An item that exists is replaced in place, so an addition may be repeated.
    pub(super) fn add(&mut self, entry: Entry) {
        let new = id_of(&entry).cloned();
        match self.entries.iter_mut().find(|kept| new.is_some() && id_of(kept) == new.as_ref()) {
            Some(kept) => {
                kept.item = entry.item;
                kept.message = entry.message.or_else(|| kept.message.take());
            }
            None => self.entries.push(entry),
        }
    }

    fn forget_after(&mut self, item: &ItemId) {
        if let Some(place) = self.place_of(item) {
            self.entries.truncate(place + 1);
        }
    }

    pub(super) fn items(&self) -> Vec<Item> {
        self.entries.iter().filter_map(|entry| entry.item.clone()).collect()
    }

    pub(super) fn entry(&self, id: &ItemId) -> Option<Entry> {
        self.entries.iter().find(|entry| id_of(entry) == Some(id)).cloned()
    }

    /// The newest messages, oldest first: as many as fit, but the newest turn complete.
    pub(super) fn messages(&self, limit: u32) -> Vec<Message> {
        let newest = self.entries.iter().rev().filter(|entry| entry.message.is_some());
        let newest = newest.take(limit as usize);
        let root = newest.clone().next().map(|entry| &entry.root);
        let turn = newest.clone().take_while(|entry| Some(&entry.root) == root).count();
        let fits = fitting(newest.clone().map(size_of), limit) as usize;
        let messages = newest.take(fits.max(turn)).filter_map(|entry| entry.message.clone());
        let mut messages: Vec<_> = messages.collect();
        messages.reverse();
        messages
    }

    pub(super) fn turn(&self, root: &ItemId) -> Vec<Entry> {
        let Some(place) = self.place_of(root) else { return Vec::new() };
        let entries = self.entries.iter().skip(place);
        entries.filter(|entry| entry.root == *root).cloned().collect()
    }

    /// Records an effect before its call, or returns what is known of it (ADR 12).
    pub(super) fn intend(&mut self, effect: &NewEffect) -> Known {
        let known = self.effects.iter().find(|(known, _)| known.effect.key == effect.key);
        match known {
            Some((DoneEffect { output: Some(output), .. }, _)) => Known::Done(output.clone()),
            // Our own row, from an attempt whose answer was lost: the call was not made yet.
            Some((_, epoch)) if *epoch == self.epoch => Known::New,
            Some(_) => Known::Begun,
            None => {
                let new = DoneEffect { effect: effect.clone(), output: None };
                self.effects.push((new, self.epoch));
                Known::New
            }
        }
    }

    pub(super) fn conclude(&mut self, key: &str, output: &str) {
        if let Some((done, _)) = self.effects.iter_mut().find(|(it, _)| it.effect.key == key) {
            done.output = Some(output.to_owned());
        }
    }

    /// Removes an effect whose call was refused. One that has an answer stays.
    pub(super) fn withdraw(&mut self, key: &str) {
        self.effects.retain(|(done, _)| done.effect.key != key || done.output.is_some());
    }

    pub(super) fn effects(&self, root: &ItemId) -> Vec<DoneEffect> {
        let effects = self.effects.iter().filter(|(done, _)| done.effect.root == *root);
        effects.map(|(done, _)| done.clone()).collect()
    }

    /// Whether the journal has effects for the message that an item belongs to.
    pub(super) fn has_effects(&self, item: &ItemId) -> bool {
        let root = self.entry(item).map(|entry| entry.root);
        root.is_some_and(|root| !self.effects(&root).is_empty())
    }

    fn place_of(&self, item: &ItemId) -> Option<usize> {
        self.entries.iter().position(|entry| id_of(entry) == Some(item))
    }
}

fn id_of(entry: &Entry) -> Option<&ItemId> {
    entry.item.as_ref().map(|item| &item.id)
}

// An estimate. Writing the JSON would be exact, but the lock is held while this runs.
fn size_of(entry: &Entry) -> usize {
    let Some(message) = &entry.message else { return 0 };
    message.text_bytes() + message.extras().map(bytes_of).sum::<usize>()
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(bytes_of).sum(),
        Value::Object(all) => all.iter().map(|(name, value)| name.len() + bytes_of(value)).sum(),
    }
}
