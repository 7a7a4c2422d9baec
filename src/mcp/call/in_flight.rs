//! Counts the calls that a server is working on, so that a busy server is not taken for a dead one
//! (ADR 1).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The calls without an answer. Each has its own limit, so waiting for them ends.
#[derive(Debug)]
pub(crate) struct CallsInFlight(Arc<watch::Sender<usize>>);

/// Counts a call until it is dropped, also while the call waits for a person (ADR 44).
#[derive(Debug)]
#[must_use = "a call that is dropped at once is not under way"]
pub(crate) struct UnderWay(Arc<watch::Sender<usize>>);

impl Default for CallsInFlight {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl CallsInFlight {
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.send_modify(|calls| *calls += 1);
        UnderWay(Arc::clone(&self.0))
    }

    pub(crate) fn is_any(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Ends once no call was running for `time`. A call that begins or ends restarts it.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped; the next one starts from nothing.
    pub(crate) async fn idle_for(&self, time: Duration) {
        let mut calls = self.0.subscribe();
        loop {
            // `self` owns the sender, so neither wait ends because the sender is gone.
            if calls.wait_for(|calls| *calls == 0).await.is_err()
                || timeout(time, calls.changed()).await.is_err()
            {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}
