//! Counts requests, for `/health`.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

const SECONDS: usize = 60;

/// Counts requests since the start and in the last minute.
#[derive(Debug)]
pub(crate) struct Traffic {
    started: Instant,
    counts: Mutex<RequestCounts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TrafficReport {
    pub(crate) total: u64,
    pub(crate) active_streams: usize,
    pub(crate) last_minute: u64,
}

#[derive(Debug)]
struct RequestCounts {
    total: u64,
    /// One slot for each second of the last minute.
    slots: [u64; SECONDS],
    /// The second up to which the slots are valid.
    second: u64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let counts = RequestCounts { total: 0, slots: [0; SECONDS], second: 0 };
        Self { started: Instant::now(), counts: Mutex::new(counts) }
    }

    pub(crate) fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    pub(crate) fn count(&self) {
        self.with(|counts, slot| {
            counts.total += 1;
            if let Some(count) = counts.slots.get_mut(slot) {
                *count += 1;
            }
        });
    }

    pub(crate) fn report(&self, active_streams: usize) -> TrafficReport {
        self.with(|counts, _| TrafficReport {
            total: counts.total,
            active_streams,
            last_minute: counts.slots.iter().sum(),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut RequestCounts, usize) -> T) -> T {
        let now = self.uptime_seconds();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget_until(now);
        work(&mut counts, slot(now))
    }
}

impl RequestCounts {
    fn forget_until(&mut self, now: u64) {
        // After a quiet minute each slot is cleared once, however long ago the last request was.
        let passed = now.saturating_sub(self.second).min(SECONDS as u64);
        for second in now.saturating_sub(passed)..now {
            if let Some(count) = self.slots.get_mut(slot(second + 1)) {
                *count = 0;
            }
        }
        self.second = now;
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}
