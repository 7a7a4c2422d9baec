//! A reason to stop, raised from outside while a run is under way.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::Finish;

/// Stops a run. Clones share one state; the first reason counts.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    reason: Arc<OnceLock<Finish>>,
}

impl Interrupt {
    /// Raises it.
    pub fn raise(&self, reason: Finish) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// The reason, if it was raised.
    pub fn reason(&self) -> Option<Finish> {
        self.reason.get().cloned()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) -> Finish {
        self.token.cancelled().await;
        self.reason().unwrap_or(Finish::Cancelled)
    }
}
