//! Keeps the entries of a turn: nothing is told as done before it is kept.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::turn::Log;
use super::{Entry, Lease, Store, ThreadEvent, ThreadsError};
use crate::agents::{Finish, Interrupt};
use crate::domain::{Item, ItemId, Message, ThreadId};

/// Where a turn is kept, and who hears of it.
pub(super) struct Keeper {
    pub(super) store: Arc<dyn Store>,
    pub(super) lease: Lease,
    pub(super) thread: ThreadId,
    /// The message that is being answered.
    pub(super) root: ItemId,
    pub(super) log: Arc<Log>,
    pub(super) interrupt: Interrupt,
    /// What is kept once it is known whether the turn goes on.
    pub(super) last: Option<Entry>,
}

impl Keeper {
    /// Keeps what happens for a message of a thread.
    pub(super) fn new(
        store: Arc<dyn Store>,
        lease: Lease,
        (thread, root): (ThreadId, ItemId),
        log: Arc<Log>,
        interrupt: Interrupt,
    ) -> Self {
        Self { store, lease, thread, root, log, interrupt, last: None }
    }

    /// Keeps first, tells then: what a listener saw done is there to be listed.
    /// In a box, because it happens a few times a turn and must not take room all the way.
    pub(super) fn keep(
        &mut self,
        item: Option<Item>,
        message: Option<Message>,
    ) -> BoxFuture<'_, ()> {
        self.keep_entry(item, message).boxed()
    }

    async fn keep_entry(&mut self, item: Option<Item>, message: Option<Message>) {
        self.keep_last().await;
        if item.is_some() || message.is_some() {
            self.write(Entry { root: self.root.clone(), item, message }).await;
        }
    }

    /// Waits with what seems to be the last: it is kept with the turn's end.
    pub(super) fn hold_back(&mut self, item: Option<Item>, message: Message) {
        self.last = Some(Entry { root: self.root.clone(), item, message: Some(message) });
    }

    /// What seemed to be the last was not.
    pub(super) async fn keep_last(&mut self) {
        if let Some(entry) = self.last.take() {
            self.write(entry).await;
        }
    }

    async fn write(&mut self, entry: Entry) {
        if self.trouble().is_some() {
            return;
        }
        let item = entry.item.clone();
        match self.store.add(&self.lease, entry).await {
            Ok(()) => {
                if let Some(item) = item {
                    self.tell(ThreadEvent::ItemDone(Box::new(item)));
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Entry was not kept");
                let lost = matches!(error, ThreadsError::Lost);
                self.interrupt.raise(if lost { Finish::Lost } else { Finish::Storage });
            }
        }
    }

    /// Why nothing more can be kept.
    pub(super) fn trouble(&self) -> Option<Finish> {
        self.interrupt.reason().filter(|reason| matches!(reason, Finish::Storage | Finish::Lost))
    }

    /// What is still to be kept, if it can be.
    pub(super) fn into_last(self) -> Option<Entry> {
        if self.trouble().is_some() { None } else { self.last }
    }

    pub(super) fn tell(&self, event: ThreadEvent) {
        self.log.tell(event);
    }
}
