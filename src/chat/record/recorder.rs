//! Records a turn: passes the agent's events to the scribe, and writes what must be stored.
//!
//! It is called while the work goes on, and never waits. What must be stored first waits in a queue
//! and is written in parallel, in the same task ([`Recorder::keeping`], ADR 24).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::{Entry, Lease, Store, ThreadsError, TurnEnd};
use super::scribe::Scribe;
use base::agents::{AgentEvent, Finish, Interrupt, Listener};
use base::domain::SpendByModel;

pub(crate) struct Recorder {
    store: Arc<dyn Store>,
    lease: Lease,
    interrupt: Interrupt,
    scribe: Mutex<Scribe>,
}

pub(crate) struct Recorded {
    pub(crate) end: TurnEnd,
    /// The last entry: stored and announced with the turn's end (ADR 20).
    pub(crate) last: Option<Entry>,
    /// Whether a copy of the request finds nothing left to do.
    pub(crate) is_final: bool,
    /// What the turn cost, by model.
    pub(crate) spends: SpendByModel,
}

impl Recorder {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        lease: Lease,
        interrupt: Interrupt,
        scribe: Scribe,
    ) -> Self {
        Self { store, lease, interrupt, scribe: Mutex::new(scribe) }
    }

    /// Does the work and writes its entries in parallel, until both are finished.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the entry that is being written may be stored or not.
    pub(crate) async fn keeping<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let (mut done, mut write) = (None, None::<BoxFuture<'_, ()>>);
        poll_fn(|context| {
            loop {
                // The work waits for writes in [`Listener::settled`]. It is polled again after each
                // write, so nothing has to wake it.
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

    /// The recorded turn. Called once [`Self::keeping`] is over.
    pub(crate) fn recorded(&self) -> Recorded {
        let mut scribe = self.lock();
        let trouble = self.trouble();
        // After a loss it must not be stored: entries before it are missing.
        let last = scribe.queue.take_last().filter(|_| trouble.is_none());
        let end = scribe.end(trouble);
        let is_final = end.outcome.is_success();
        Recorded { end, last, is_final, spends: scribe.spends() }
    }

    async fn write(&self, entry: Entry) {
        let item = entry.item.clone();
        // After a loss nothing is written any more, but the facts in the queue are still announced.
        let is_kept = self.trouble().is_none() && self.add(entry).await;
        let mut scribe = self.lock();
        let kept = item.filter(|_| is_kept);
        scribe.written(kept);
    }

    async fn add(&self, entry: Entry) -> bool {
        let Err(error) = self.store.add(&self.lease, entry).await else { return true };
        tracing::error!(error = &error as &dyn std::error::Error, "Entry was not stored");
        let lost = matches!(error, ThreadsError::Lost);
        // The run must stop: nothing that it does from now on could be stored.
        self.interrupt.raise(if lost { Finish::Lost } else { Finish::Storage });
        false
    }

    /// Why nothing more can be stored, if so.
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
        // Registers no waker: `keeping` polls the work again after each write.
        poll_fn(|_| if self.lock().queue.is_settled() { Poll::Ready(()) } else { Poll::Pending })
            .boxed()
    }
}
