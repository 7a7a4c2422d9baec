//! The scribe of a turn: what the agent does becomes facts, and items that are kept.
//!
//! It is told while the work goes on, and never waits: what must be kept first waits in its queue,
//! and is written beside the work ([`Recorder::keeping`], ADR 24).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::{Entry, Lease, Store, ThreadsError, TurnEnd};
use super::scribe::Scribe;
use crate::agents::{AgentEvent, Finish, Interrupt, Listener};

/// One turn's recorder.
pub(in crate::chat) struct Recorder {
    store: Arc<dyn Store>,
    lease: Lease,
    interrupt: Interrupt,
    scribe: Mutex<Scribe>,
}

/// A turn as it was recorded.
pub(in crate::chat) struct Recorded {
    pub(in crate::chat) end: TurnEnd,
    /// The last entry, which is still to be kept and told.
    pub(in crate::chat) last: Option<Entry>,
    /// Whether nothing is left to do for whoever asks again.
    pub(in crate::chat) is_final: bool,
}

impl Recorder {
    pub(in crate::chat) fn new(
        store: Arc<dyn Store>,
        lease: Lease,
        interrupt: Interrupt,
        scribe: Scribe,
    ) -> Self {
        Self { store, lease, interrupt, scribe: Mutex::new(scribe) }
    }

    /// Does the work, and writes what comes of it beside it, until both are over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the last entry kept or not.
    pub(in crate::chat) async fn keeping<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let (mut done, mut write) = (None, None::<BoxFuture<'_, ()>>);
        poll_fn(|context| {
            loop {
                // Whoever waits for what was written is polled after each write: it is a part of
                // the work and needs no waking.
                if done.is_none() {
                    done = match work.as_mut().poll(context) {
                        Poll::Ready(done) => Some(done),
                        Poll::Pending => None,
                    };
                }
                if write.is_none() {
                    let next = self.lock().queue.next();
                    write = next.map(|entry| self.write(entry).boxed());
                }
                match &mut write {
                    None => return done.take().map_or(Poll::Pending, Poll::Ready),
                    Some(writing) => match writing.poll_unpin(context) {
                        Poll::Ready(()) => write = None,
                        Poll::Pending => return Poll::Pending,
                    },
                }
            }
        })
        .await
    }

    /// How the turn ended, once everything else is kept.
    pub(in crate::chat) fn recorded(&self) -> Recorded {
        let mut scribe = self.lock();
        let trouble = self.trouble();
        let last = scribe.queue.take_last().filter(|_| trouble.is_none());
        let end = scribe.end(trouble);
        let is_final = end.outcome.is_success();
        Recorded { end, last, is_final }
    }

    async fn write(&self, entry: Entry) {
        let item = entry.item.clone();
        let is_kept = self.trouble().is_none() && self.add(entry).await;
        let mut scribe = self.lock();
        let kept = item.filter(|_| is_kept);
        scribe.written(kept);
    }

    async fn add(&self, entry: Entry) -> bool {
        let Err(error) = self.store.add(&self.lease, entry).await else { return true };
        tracing::error!(error = &error as &dyn std::error::Error, "Entry was not kept");
        let lost = matches!(error, ThreadsError::Lost);
        self.interrupt.raise(if lost { Finish::Lost } else { Finish::Storage });
        false
    }

    /// Why nothing more can be kept.
    fn trouble(&self) -> Option<Finish> {
        self.interrupt.reason().filter(Finish::is_loss)
    }

    fn lock(&self) -> MutexGuard<'_, Scribe> {
        self.scribe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Recorder {
    fn on(&self, event: AgentEvent) {
        if let Some(reason) = self.lock().on(event) {
            self.interrupt.raise(reason);
        }
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        poll_fn(|_| if self.lock().queue.is_settled() { Poll::Ready(()) } else { Poll::Pending })
            .boxed()
    }
}
