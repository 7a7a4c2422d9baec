//! Connections on which no request is under way, the longest idle first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Rings when its connection is to make way.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: Notify,
    // Changed only by `IdleSeats`, of which there is one, under its lock.
    number: AtomicU64,
    is_busy: AtomicBool,
    has_left: AtomicBool,
    has_answered: AtomicBool,
}

/// Connections on which no request is under way.
#[derive(Debug, Default)]
pub(super) struct IdleSeats {
    next: u64,
    bells: BTreeMap<u64, (Instant, Arc<Bell>)>,
    /// The next that becomes idle is to make way.
    is_wanted: bool,
}

impl IdleSeats {
    /// A newcomer found a place, so nobody is wanted any more.
    pub(super) fn welcome(&mut self, bell: &Arc<Bell>) {
        self.is_wanted = false;
        self.add(bell);
    }

    /// From now on it may have to make way.
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

    /// A request has come, and from now on it stays; `false` if it has left already.
    pub(super) fn begin(&mut self, bell: &Bell) -> bool {
        self.remove(bell);
        bell.is_busy.store(true, Ordering::Relaxed);
        !bell.has_left.load(Ordering::Relaxed)
    }

    /// Whether a connection that was asked to make way does so. If a request has come in the
    /// meantime, another one is asked.
    pub(super) fn leaves(&mut self, bell: &Bell) -> bool {
        let leaves = !bell.is_busy.load(Ordering::Relaxed);
        bell.has_left.store(leaves, Ordering::Relaxed);
        if !leaves {
            self.make_way_soon();
        }
        leaves
    }

    /// It is gone.
    pub(super) fn remove(&mut self, bell: &Bell) {
        self.bells.remove(&bell.number.load(Ordering::Relaxed));
    }

    /// Asks the longest idle to make way, if it has been idle for so long; tells whether it has.
    pub(super) fn make_way(&mut self, at_least: Duration) -> bool {
        let first = self.bells.first_entry().filter(|it| it.get().0.elapsed() >= at_least);
        first.map(|it| it.remove().1.rings.notify_one()).is_some()
    }

    /// The same, or else asks the next that becomes idle.
    pub(super) fn make_way_soon(&mut self) {
        self.is_wanted = !self.make_way(Duration::ZERO);
    }
}

impl Bell {
    /// # Cancel safety
    /// A ring that comes in between is heard by the next call.
    pub(super) async fn rung(&self) {
        self.rings.notified().await;
    }

    pub(super) fn note_answer(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }
}
