//! How much of a request went to a provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of the request that was sent last, or nothing. Clones share it: who sends a request
/// cannot return it if the wait for the answer is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentBytes(Arc<AtomicU64>);

impl SentBytes {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}
