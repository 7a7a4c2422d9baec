//! One thread in memory, and all that belongs to it.

use tokio::time::Instant;

use crate::chat::{DoneEffect, Entry, Known, LEASE, Lease, NewEffect};
use crate::domain::{Item, ItemId, Message, Spend, Thread};

/// A thread, who holds it and what happened in it.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) thread: Thread,
    entries: Vec<Entry>,
    effects: Vec<DoneEffect>,
    epoch: i64,
    held_until: Option<Instant>,
}

impl Conversation {
    /// A new one, held by whoever makes it.
    pub(super) fn new(thread: Thread, first: Entry) -> Self {
        let held_until = Some(Instant::now() + LEASE);
        Self { thread, entries: vec![first], effects: Vec::new(), epoch: 1, held_until }
    }

    /// Whether the lease still counts.
    pub(super) fn is_held_by(&self, lease: &Lease) -> bool {
        self.epoch == lease.epoch
    }

    /// Whether its last holder said that it is done.
    pub(super) const fn is_let_go(&self) -> bool {
        self.held_until.is_none()
    }

    /// Takes it, unless somebody holds it.
    pub(super) fn take(&mut self) -> Option<Lease> {
        if self.held_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        self.epoch += 1;
        self.prolong();
        Some(Lease { thread: self.thread.id.clone(), epoch: self.epoch })
    }

    /// Goes on holding it.
    pub(super) fn prolong(&mut self) {
        self.held_until = Some(Instant::now() + LEASE);
    }

    /// Lets it go, once it has cost so much.
    pub(super) fn let_go(&mut self, spent: Spend) {
        self.held_until = None;
        self.thread.spent = spent;
    }

    /// An item that is there already is replaced where it stands.
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

    /// Forgets everything after an item, and keeps these in its place.
    pub(super) fn rewind(&mut self, to: &ItemId, kept: Vec<Entry>) {
        if let Some(place) = self.place_of(to) {
            self.entries.truncate(place + 1);
        }
        self.entries.extend(kept);
    }

    /// The items, oldest first.
    pub(super) fn items(&self) -> Vec<Item> {
        self.entries.iter().filter_map(|entry| entry.item.clone()).collect()
    }

    /// One item.
    pub(super) fn item(&self, id: &ItemId) -> Option<Item> {
        self.entries.iter().find(|entry| id_of(entry) == Some(id))?.item.clone()
    }

    /// The newest messages, oldest first.
    pub(super) fn messages(&self, limit: usize) -> Vec<Message> {
        let messages = self.entries.iter().rev().filter_map(|entry| entry.message.clone());
        let mut messages: Vec<_> = messages.take(limit).collect();
        messages.reverse();
        messages
    }

    /// Everything of one turn.
    pub(super) fn turn(&self, turn: &ItemId) -> Vec<Entry> {
        let Some(place) = self.place_of(turn) else { return Vec::new() };
        let entries = self.entries.iter().skip(place);
        entries.filter(|entry| entry.turn == *turn).cloned().collect()
    }

    /// Writes down an effect, or tells what is known of it.
    pub(super) fn intend(&mut self, effect: &NewEffect) -> Known {
        let known = self.effects.iter().find(|known| known.effect.key == effect.key);
        if let Some(known) = known {
            return known.output.clone().map_or(Known::Begun, Known::Done);
        }
        self.effects.push(DoneEffect { effect: effect.clone(), output: None });
        Known::New
    }

    /// Writes down how an effect ended.
    pub(super) fn conclude(&mut self, key: &str, output: &str) {
        if let Some(done) = self.effects.iter_mut().find(|done| done.effect.key == key) {
            done.output = Some(output.to_owned());
        }
    }

    /// Strikes out an effect that was not.
    pub(super) fn withdraw(&mut self, key: &str) {
        self.effects.retain(|done| done.effect.key != key || done.output.is_some());
    }

    /// The effects of one turn.
    pub(super) fn effects(&self, turn: &ItemId) -> Vec<DoneEffect> {
        self.effects.iter().filter(|done| done.effect.turn == *turn).cloned().collect()
    }

    fn place_of(&self, item: &ItemId) -> Option<usize> {
        self.entries.iter().position(|entry| id_of(entry) == Some(item))
    }
}

fn id_of(entry: &Entry) -> Option<&ItemId> {
    entry.item.as_ref().map(|item| &item.id)
}
