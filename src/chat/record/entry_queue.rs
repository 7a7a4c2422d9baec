//! Keeps the entries of a turn in order: nothing is told as done before it is kept.

use std::collections::VecDeque;

use super::super::turn::TurnLog;
use super::super::{Entry, Fact};
use crate::domain::{Item, ItemId, Message};

/// What of a turn waits for the store, and what is to be told after it.
#[derive(Debug)]
pub(in crate::chat) struct EntryQueue {
    /// The message that is being answered.
    root: ItemId,
    steps: VecDeque<QueuedStep>,
    is_writing: bool,
    /// What is kept once it is known whether the turn goes on.
    last: Option<Entry>,
}

#[derive(Debug)]
enum QueuedStep {
    Keep(Box<Entry>),
    Tell(Fact),
}

impl EntryQueue {
    pub(in crate::chat) const fn new(root: ItemId) -> Self {
        Self { root, steps: VecDeque::new(), is_writing: false, last: None }
    }

    /// Tells it once everything before it is kept.
    pub(in crate::chat) fn tell(&mut self, fact: Fact, log: &TurnLog) {
        if self.is_settled() {
            return log.tell(fact);
        }
        let fact = match self.steps.back_mut() {
            Some(QueuedStep::Tell(last)) => last.grow(fact),
            Some(QueuedStep::Keep(_)) | None => Some(fact),
        };
        // Progress may come for as long as a write hangs; only the newest of each call waits.
        let told = self.steps.iter_mut().rev().map_while(|step| match step {
            QueuedStep::Tell(fact) => Some(fact),
            QueuedStep::Keep(_) => None,
        });
        let fact = told.fold(fact, |fact, told| fact.and_then(|fact| told.renew(fact)));
        self.steps.extend(fact.map(QueuedStep::Tell));
    }

    /// Keeps an item, a message or both, and then tells of the item.
    pub(in crate::chat) fn keep(&mut self, item: Option<Item>, message: Option<Message>) {
        self.keep_last();
        if item.is_some() || message.is_some() {
            let root = self.root.clone();
            self.steps.push_back(QueuedStep::Keep(Box::new(Entry { root, item, message })));
        }
    }

    /// Waits with what seems to be the last: it is kept with the turn's end (ADR 20).
    pub(in crate::chat) fn hold_back(&mut self, item: Option<Item>, message: Message) {
        self.last = Some(Entry { root: self.root.clone(), item, message: Some(message) });
    }

    /// What seemed to be the last was not.
    pub(in crate::chat) fn keep_last(&mut self) {
        self.steps.extend(self.last.take().map(Box::new).map(QueuedStep::Keep));
    }

    /// What is still to be kept.
    pub(in crate::chat) fn take_last(&mut self) -> Option<Entry> {
        self.last.take()
    }

    /// Whether everything is kept and told.
    pub(in crate::chat) fn is_settled(&self) -> bool {
        self.steps.is_empty() && !self.is_writing
    }

    /// The entry that is to be written next, once [`Self::written`] was said of the one before it.
    pub(in crate::chat) fn next(&mut self) -> Option<Entry> {
        let is_entry = |step: &mut QueuedStep| matches!(step, QueuedStep::Keep(_));
        let Some(QueuedStep::Keep(entry)) = self.steps.pop_front_if(is_entry) else { return None };
        self.is_writing = true;
        Some(*entry)
    }

    /// An entry was written, or not; in either case the rest goes on.
    pub(in crate::chat) fn written(&mut self, kept: Option<Item>, log: &TurnLog) {
        self.is_writing = false;
        if let Some(item) = kept {
            log.tell(Fact::ItemKept(Box::new(item)));
        }
        while let Some(QueuedStep::Tell(fact)) =
            self.steps.pop_front_if(|step| matches!(step, QueuedStep::Tell(_)))
        {
            log.tell(fact);
        }
    }
}
