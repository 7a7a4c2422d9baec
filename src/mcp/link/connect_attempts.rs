//! Attempts to connect to one server: results, time of the next, requests for one now.
//!
//! They have their own pauses and need no breaker, which judges calls only (ADR 1).

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::super::error::ConnectError;
use base::domain::{BreakerReport, BreakerState};

#[derive(Debug)]
pub(crate) struct ConnectAttempts {
    state: watch::Sender<AttemptCounts>,
    wanted: Notify,
    ordered: Notify,
    /// From this many failures in a row `/health` reports the breaker as open.
    max_failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    Connected,
    Failed,
    /// A failure in which nothing was started.
    NotStarted,
    /// We refused to connect, or had no token to send, which says nothing about the server (ADR 31,
    /// ADR 42).
    NotMade,
}

#[derive(Clone, Copy, Debug, Default)]
struct AttemptCounts {
    ended: u64,
    failed: u64,
    in_a_row: u32,
    last: Option<AttemptEnd>,
    next: Option<Instant>,
}

impl AttemptEnd {
    pub(crate) const fn of(error: &ConnectError) -> Self {
        if matches!(
            error,
            ConnectError::NotAllowed(_) | ConnectError::Redirected | ConnectError::NoToken
        ) {
            Self::NotMade
        } else if matches!(error, ConnectError::NotStarted(_) | ConnectError::NoFolder) {
            Self::NotStarted
        } else {
            Self::Failed
        }
    }
}

impl ConnectAttempts {
    pub(crate) fn new(max_failures: u32) -> Self {
        let (wanted, ordered) = (Notify::new(), Notify::new());
        Self { state: watch::Sender::default(), wanted, ordered, max_failures }
    }

    pub(crate) fn end(&self, how: AttemptEnd) {
        self.state.send_modify(|state| {
            state.ended += 1;
            state.next = None;
            state.last = Some(how);
            match how {
                AttemptEnd::Connected => state.in_a_row = 0,
                AttemptEnd::Failed | AttemptEnd::NotStarted => {
                    state.failed += 1;
                    state.in_a_row = state.in_a_row.saturating_add(1);
                }
                AttemptEnd::NotMade => {}
            }
        });
    }

    pub(crate) fn pause_until(&self, next: Instant) {
        self.state.send_modify(|state| state.next = Some(next));
    }

    /// Whether the last attempt started nothing, so that another costs nothing.
    pub(crate) fn started_nothing(&self) -> bool {
        self.state.borrow().last == Some(AttemptEnd::NotStarted)
    }

    pub(crate) fn failed_often(&self) -> bool {
        self.state.borrow().in_a_row >= self.max_failures
    }

    /// Requests an attempt now, whatever is paused for.
    pub(crate) fn order(&self) {
        self.ordered.notify_one();
    }

    /// Waits until the operator wants an attempt now.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn ordered(&self) {
        self.ordered.notified().await;
    }

    /// Waits until a turn wants an attempt before it is due.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    pub(crate) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Requests an attempt and waits for its end.
    pub(crate) async fn one_more(&self) {
        let mut state = self.state.subscribe();
        // Read before the request, so that an attempt that ends at once is not missed.
        let before = state.borrow_and_update().ended;
        self.want();
        if state.wait_for(|state| state.ended > before).await.is_err() {
            tracing::debug!("The server is no longer tried");
        }
    }

    /// The breaker's report for `/health`. A server that cannot be reached counts as open, although
    /// attempts do not count for the breaker (ADR 1).
    pub(crate) fn told_with(&self, report: BreakerReport) -> BreakerReport {
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
