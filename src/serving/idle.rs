//! Connections without a running request, the longest idle first. They are closed when there is no
//! room (ADR 19).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The signal to one connection that it should close.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: Notify,
    // Atomics for sharing only: they change under the lock of the one `IdleSeats`.
    number: AtomicU64,
    is_busy: AtomicBool,
    has_left: AtomicBool,
    has_answered: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct IdleSeats {
    next: u64,
    bells: BTreeMap<u64, (Instant, Arc<Bell>)>,
    /// Whether the next connection that becomes idle must close.
    is_wanted: bool,
}

impl IdleSeats {
    /// A new connection found a place, so none needs to close any more.
    pub(super) fn welcome(&mut self, bell: &Arc<Bell>) {
        self.is_wanted = false;
        self.add(bell);
    }

    /// The connection has no running request, and may be closed from now on.
    pub(super) fn add(&mut self, bell: &Arc<Bell>) {
        bell.is_busy.store(false, Ordering::Relaxed);
        if std::mem::take(&mut self.is_wanted) {
            bell.rings.notify_one();
            return;
        }
        self.next += 1;
        bell.number.store(self.next, Ordering::Relaxed);
        self.bells.insert(self.next, (Instant::now(), Arc::clone(bell)));
    }

    /// A request has arrived: the connection stays. False if it is being closed already.
    pub(super) fn begin(&mut self, bell: &Bell) -> bool {
        self.remove(bell);
        bell.is_busy.store(true, Ordering::Relaxed);
        !bell.has_left.load(Ordering::Relaxed)
    }

    /// Whether a connection that was asked to close does so. If a request has arrived in the
    /// meantime, another connection is asked.
    pub(super) fn leaves(&mut self, bell: &Bell) -> bool {
        let leaves = !bell.is_busy.load(Ordering::Relaxed);
        bell.has_left.store(leaves, Ordering::Relaxed);
        if !leaves {
            self.make_way_soon();
        }
        leaves
    }

    pub(super) fn remove(&mut self, bell: &Bell) {
        self.bells.remove(&bell.number.load(Ordering::Relaxed));
    }

    /// Asks the longest idle connection to close, if it was idle for `at_least`. False if none was.
    pub(super) fn make_way(&mut self, at_least: Duration) -> bool {
        let first = self.bells.first_entry().filter(|it| it.get().0.elapsed() >= at_least);
        first.map(|it| it.remove().1.rings.notify_one()).is_some()
    }

    /// The same for any idle connection, or for the next that becomes idle.
    pub(super) fn make_way_soon(&mut self) {
        self.is_wanted = !self.make_way(Duration::ZERO);
    }
}

impl Bell {
    /// # Cancel safety
    /// A signal that arrives in between is seen by the next call.
    pub(super) async fn rung(&self) {
        self.rings.notified().await;
    }

    pub(super) fn ring(&self) {
        self.rings.notify_one();
    }

    /// For the task of the connection, which alone begins and ends its requests.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    pub(super) fn note_answer(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }
}
