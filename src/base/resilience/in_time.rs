//! A deadline for an answer of somebody else that does not hold our own delay against them.

use std::pin::Pin;
use std::task::Poll;

use futures::poll;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

/// How often everything that is ready runs before a call counts as late: an answer passes through
/// a task or two of ours.
const LAST_LOOKS: usize = 8;

/// The answer, if it is here by `at`. A busy process looks late: what came meanwhile is in time
/// (ADR 35).
///
/// # Cancel safety
///
/// As that of `answer`.
pub(super) async fn in_time<F: Future>(at: Instant, mut answer: Pin<&mut F>) -> Option<F::Output> {
    if let Ok(answer) = timeout_at(at, &mut answer).await {
        return Some(answer);
    }
    for _ in 0..LAST_LOOKS {
        yield_now().await;
        if let Poll::Ready(answer) = poll!(&mut answer) {
            return Some(answer);
        }
    }
    None
}
