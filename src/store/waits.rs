//! How long one call may wait for what is ours to give: a place, or the end of a preparation.
//!
//! A call that waits more than once shares one patience. Else its waits alone could use up its time,
//! and the database, which was not even asked, would count as ill.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, timeout};

tokio::task_local! {
    static WAITED: Cell<Duration>;
}

/// One call begins, and has not waited yet.
pub(super) async fn in_one_call<T>(call: impl Future<Output = T>) -> T {
    WAITED.scope(Cell::new(Duration::ZERO), call).await
}

/// Waits for `it`, but in one call never longer than `patience` in sum; none if it did not come.
pub(super) async fn at_most<T>(patience: Duration, it: impl Future<Output = T>) -> Option<T> {
    let (before, begun) = (WAITED.try_with(Cell::get).unwrap_or_default(), Instant::now());
    let waited = timeout(patience.saturating_sub(before), it).await.ok();
    // Outside of a call there is nothing to add to.
    WAITED.try_with(|all| all.set(before + begun.elapsed())).ok();
    waited
}
