//! A reason to stop, raised from outside while a run is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Finish;

/// Stops a run. Clones share one state. The first reason counts; only that nothing can be kept any
/// more is worth more than any other.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    reason: Arc<Mutex<Option<Finish>>>,
}

impl Interrupt {
    /// Raises it.
    pub fn raise(&self, reason: Finish) {
        {
            let mut known = self.lock();
            if known.as_ref().is_none_or(|known| reason.outranks(known)) {
                *known = Some(reason);
            }
        }
        self.token.cancel();
    }

    /// The reason, if it was raised.
    pub fn reason(&self) -> Option<Finish> {
        self.lock().clone()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) -> Finish {
        self.token.cancelled().await;
        self.reason().unwrap_or(Finish::Cancelled)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Finish>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
