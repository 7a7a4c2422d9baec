//! A real quota: a token bucket for each key.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests per minute, and at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulation) struct Quota {
    pub(in crate::emulation) a_minute: u32,
    pub(in crate::emulation) at_once: u32,
}

#[derive(Debug, Default)]
pub(in crate::emulation) struct Quotas(Mutex<VecDeque<(Owner, Bucket)>>);

/// A scenario and a hash of the key.
pub(in crate::emulation) type Owner = (String, u64);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

const MAX_BUCKETS: usize = 1_024;

impl Quotas {
    /// Uses one request, or returns the time until there is one.
    pub(in crate::emulation) fn spend(&self, owner: Owner, quota: Quota) -> Result<(), Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((_, bucket)) = all.iter_mut().find(|(known, _)| *known == owner) {
            return bucket.spend(quota, now);
        }
        if all.len() == MAX_BUCKETS {
            all.pop_front();
        }
        let mut bucket = Bucket { tokens: f64::from(quota.at_once), filled: now };
        let spent = bucket.spend(quota, now);
        all.push_back((owner, bucket));
        spent
    }

    pub(in crate::emulation) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Bucket {
    fn spend(&mut self, quota: Quota, now: Instant) -> Result<(), Duration> {
        let a_second = f64::from(quota.a_minute) / 60.0;
        let fresh = now.duration_since(self.filled).as_secs_f64() * a_second;
        self.tokens = (self.tokens + fresh).min(f64::from(quota.at_once));
        self.filled = now;
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / a_second));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}
