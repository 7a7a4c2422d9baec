//! Stores the entries of a turn in order: nothing is announced as done before it is committed.

use std::collections::VecDeque;

use super::super::turn::TurnLog;
use super::super::{Entry, Fact};
use base::domain::{Item, ItemId, Message};

/// What waits for the store, and what is announced after it.
#[derive(Debug)]
pub(crate) struct EntryQueue {
    root: ItemId,
    steps: VecDeque<QueuedStep>,
    is_writing: bool,
    /// A reply that is probably the last: stored with the turn's end, or once the turn continues.
    last: Option<Entry>,
}

#[derive(Debug)]
enum QueuedStep {
    Keep(Box<Entry>),
    Tell(Fact),
}

impl EntryQueue {
    pub(crate) const fn new(root: ItemId) -> Self {
        Self { root, steps: VecDeque::new(), is_writing: false, last: None }
    }

    /// Announces a fact after everything before it is stored.
    pub(crate) fn tell(&mut self, fact: Fact, log: &TurnLog) {
        // The usual case. A text must not wait when no write is pending.
        if self.is_settled() {
            return log.tell(fact);
        }
        let fact = match self.steps.back_mut() {
            Some(QueuedStep::Tell(last)) => last.grow(fact),
            Some(QueuedStep::Keep(_)) | None => Some(fact),
        };
        // A write may hang for long. Of each call only the newest progress waits, so that the queue
        // stays short.
        let told = self.steps.iter_mut().rev().map_while(|step| match step {
            QueuedStep::Tell(fact) => Some(fact),
            QueuedStep::Keep(_) => None,
        });
        let fact = told.fold(fact, |fact, told| fact.and_then(|fact| told.renew(fact)));
        self.steps.extend(fact.map(QueuedStep::Tell));
    }

    /// Stores an item, a message or both as one entry, and then announces the item.
    pub(crate) fn keep(&mut self, item: Option<Item>, message: Option<Message>) {
        // What was held back comes first: the order of writes is that of the transcript.
        self.keep_last();
        if item.is_some() || message.is_some() {
            let root = self.root.clone();
            self.steps.push_back(QueuedStep::Keep(Box::new(Entry { root, item, message })));
        }
    }

    /// Holds back what seems to be the last entry: it is stored with the turn's end (ADR 20).
    pub(crate) fn hold_back(&mut self, item: Option<Item>, message: Message) {
        self.last = Some(Entry { root: self.root.clone(), item, message: Some(message) });
    }

    /// The turn continues: the entry that was held back is stored before anything else.
    pub(crate) fn keep_last(&mut self) {
        self.steps.extend(self.last.take().map(Box::new).map(QueuedStep::Keep));
    }

    pub(crate) fn take_last(&mut self) -> Option<Entry> {
        self.last.take()
    }

    /// Whether everything is stored and announced.
    pub(crate) fn is_settled(&self) -> bool {
        self.steps.is_empty() && !self.is_writing
    }

    /// The next entry to write. The caller reports each with [`Self::written`] before it takes
    /// another.
    pub(crate) fn next(&mut self) -> Option<Entry> {
        let is_entry = |step: &mut QueuedStep| matches!(step, QueuedStep::Keep(_));
        let Some(QueuedStep::Keep(entry)) = self.steps.pop_front_if(is_entry) else { return None };
        self.is_writing = true;
        Some(*entry)
    }

    /// An entry was written, or the write failed (`None`). The facts behind it are announced either
    /// way.
    pub(crate) fn written(&mut self, kept: Option<Item>, log: &TurnLog) {
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
