//! Limits how long one call waits for our own resources: a connection, or the preparation.
//!
//! All waits of one call share one limit. Otherwise they alone could use up the call's time, and
//! the database, which was not even asked, would count as failing.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, timeout};

tokio::task_local! {
    static WAITED: Cell<Duration>;
}

/// Starts the count of one call.
pub(super) async fn in_one_call<T>(call: impl Future<Output = T>) -> T {
    WAITED.scope(Cell::new(Duration::ZERO), call).await
}

/// Waits for `it`, in one call at most `patience` in total. None on timeout.
pub(super) async fn at_most<T>(patience: Duration, it: impl Future<Output = T>) -> Option<T> {
    let (before, begun) = (WAITED.try_with(Cell::get).unwrap_or_default(), Instant::now());
    let waited = timeout(patience.saturating_sub(before), it).await.ok();
    // The batch writer waits outside of a call, where nothing is counted.
    WAITED.try_with(|all| all.set(before + begun.elapsed())).ok();
    waited
}
