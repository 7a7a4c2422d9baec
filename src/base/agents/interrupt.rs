//! Stops a run from outside, with a reason.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Finish;

/// Stops a run. Clones share one state. The first reason counts; only a loss of storage overrides
/// it (ADR 24).
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    reason: Arc<Mutex<Option<Finish>>>,
}

impl Interrupt {
    pub fn raise(&self, reason: Finish) {
        {
            let mut known = self.lock();
            if known.as_ref().is_none_or(|known| reason.outranks(known)) {
                *known = Some(reason);
            }
        }
        // After the reason is stored: whoever is woken by this reads it.
        self.token.cancel();
    }

    pub fn reason(&self) -> Option<Finish> {
        self.lock().clone()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) -> Finish {
        self.token.cancelled().await;
        self.reason().unwrap_or(Finish::Cancelled)
    }

    /// The outcome of `work`, or `None` once it is raised, which counts more.
    ///
    /// # Cancel safety
    ///
    /// As `work`.
    pub async fn unless_raised<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => None,
            outcome = work => Some(outcome),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Finish>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
