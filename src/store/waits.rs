//! Limits how long one call waits for our own resources: a connection, or the preparation.
//!
//! All waits of one call share one limit. Otherwise they alone could use up the call's time, and
//! the database, which was not even asked, would count as failing.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

tokio::task_local! {
    static WAITED: Cell<Duration>;
}

/// The shortest wait for something since it was asked for last: a queue that stands.
#[derive(Debug)]
pub(super) struct ShortestWait(AtomicU64);

impl Default for ShortestWait {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl ShortestWait {
    pub(super) fn note(&self, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_min(micros, Ordering::Relaxed);
    }

    /// Zero if nothing was waited for.
    pub(super) fn take(&self) -> Duration {
        let micros = self.0.swap(u64::MAX, Ordering::Relaxed);
        if micros == u64::MAX { Duration::ZERO } else { Duration::from_micros(micros) }
    }
}

/// Starts the count of one call.
pub(super) async fn in_one_call<T>(call: impl Future<Output = T>) -> T {
    WAITED.scope(Cell::new(Duration::ZERO), call).await
}

/// Runs a part of a call in a task of its own: a turn whose reader takes nothing stands still for a
/// moment (ADR 24), and others must not wait meanwhile for what it holds. Aborted with the caller.
pub(super) async fn apart<T: Send + 'static>(
    part: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, sqlx::Error> {
    let before = WAITED.try_with(Cell::get).unwrap_or_default();
    let counted = async move {
        let done = part.await;
        (done, WAITED.with(Cell::get))
    };
    let task = tokio::spawn(WAITED.scope(Cell::new(before), counted));
    let (done, waited) =
        AbortOnDropHandle::new(task).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
    WAITED.try_with(|all| all.set(waited)).ok();
    done
}

/// Waits for `it`, in one call at most `patience` in total. None on timeout.
pub(super) async fn at_most<T>(patience: Duration, it: impl Future<Output = T>) -> Option<T> {
    let (before, begun) = (WAITED.try_with(Cell::get).unwrap_or_default(), Instant::now());
    let waited = timeout(patience.saturating_sub(before), it).await.ok();
    // The batch writer waits outside of a call, where nothing is counted.
    WAITED.try_with(|all| all.set(before + begun.elapsed())).ok();
    waited
}
