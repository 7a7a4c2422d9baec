//! Attempts to reach one server: how they went, when the next is due, who wants one now.
//!
//! They need no breaker, for they pause by themselves; what a breaker judges is calls.

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::domain::{BreakerReport, BreakerState};

/// The attempts to reach one server.
#[derive(Debug)]
pub(in crate::mcp) struct ConnectAttempts {
    state: watch::Sender<AttemptCounts>,
    wanted: Notify,
    /// So many failures in a row are told as an open breaker.
    max_failures: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct AttemptCounts {
    ended: u64,
    failed: u64,
    in_a_row: u32,
    next: Option<Instant>,
}

impl ConnectAttempts {
    /// None yet.
    pub(in crate::mcp) fn new(max_failures: u32) -> Self {
        Self { state: watch::Sender::default(), wanted: Notify::new(), max_failures }
    }

    /// Notes how one ended.
    pub(in crate::mcp) fn end(&self, succeeded: bool) {
        self.state.send_modify(|state| {
            let failed = u64::from(!succeeded);
            let in_a_row = if succeeded { 0 } else { state.in_a_row.saturating_add(1) };
            *state = AttemptCounts {
                ended: state.ended + 1,
                failed: state.failed + failed,
                in_a_row,
                next: None,
            };
        });
    }

    /// Notes when the next one is due.
    pub(in crate::mcp) fn pause_until(&self, next: Instant) {
        self.state.send_modify(|state| state.next = Some(next));
    }

    /// Waits until somebody wants one before it is due.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(in crate::mcp) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Wants one now.
    pub(in crate::mcp) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Wants one now, and waits until it has ended.
    pub(in crate::mcp) async fn one_more(&self) {
        let mut state = self.state.subscribe();
        let before = state.borrow_and_update().ended;
        self.want();
        if state.wait_for(|state| state.ended > before).await.is_err() {
            tracing::debug!("Nobody tries to reach the server any more");
        }
    }

    /// The breaker's report, as far as it is for people: a server that cannot be reached takes no
    /// calls either.
    pub(in crate::mcp) fn told_with(&self, report: BreakerReport) -> BreakerReport {
        let state = *self.state.borrow();
        let mut told = report;
        told.calls.failed += state.failed;
        told.consecutive_failures = report.consecutive_failures.max(state.in_a_row);
        if state.in_a_row >= self.max_failures && report.state != BreakerState::Open {
            let wait = state.next.map(|next| next.saturating_duration_since(Instant::now()));
            told.state = BreakerState::Open;
            told.retry_in_seconds = wait.map(|wait| wait.as_secs_f64());
        }
        told
    }
}
