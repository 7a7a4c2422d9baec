//! The calls that a server is at work on, so that a busy server is not taken for a dead one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How many calls a server has not answered yet; each is within its own time limit.
#[derive(Debug)]
pub(in crate::mcp) struct CallsInFlight(watch::Sender<usize>);

/// A call that is under way until this is dropped.
#[derive(Debug)]
#[must_use = "a call that is dropped at once is not under way"]
pub(in crate::mcp) struct UnderWay<'a>(&'a watch::Sender<usize>);

impl Default for CallsInFlight {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl CallsInFlight {
    /// Notes that a call begins.
    pub(in crate::mcp) fn begin(&self) -> UnderWay<'_> {
        self.0.send_modify(|calls| *calls += 1);
        UnderWay(&self.0)
    }

    /// Whether any call is under way.
    pub(in crate::mcp) fn is_any(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Ends once no call was under way for so long. A call that begins or ends meanwhile starts
    /// the time anew.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped; the next one starts from nothing.
    pub(in crate::mcp) async fn idle_for(&self, time: Duration) {
        let mut calls = self.0.subscribe();
        loop {
            // The sender is ours, so that neither wait ends by its being gone.
            if calls.wait_for(|calls| *calls == 0).await.is_err()
                || timeout(time, calls.changed()).await.is_err()
            {
                return;
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}
