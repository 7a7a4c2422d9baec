//! Holds a thread for one turn, across all processes that share the store (ADR 11).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::super::{Claim, Lease, Resource, Store, ThreadsError};
use super::heartbeat::{Beating, Heartbeat};
use base::agents::Interrupt;
use base::domain::{Owner, Spend, Thread};

/// How often a thread that another process holds is claimed again.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A held thread. Its lease is renewed until this is dropped.
pub(crate) struct HeldThread {
    store: Arc<dyn Store>,
    pub(crate) lease: Lease,
    /// What the thread had cost when it was taken. Only the holder adds to it (ADR 16).
    pub(crate) spent: Spend,
    /// The tools that were approved for the conversation (ADR 38).
    pub(crate) granted: Vec<String>,
    /// Raised when the lease is lost.
    pub(crate) interrupt: Interrupt,
    _beating: Beating,
}

impl HeldThread {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        heartbeat: &Arc<Heartbeat>,
        thread: &Thread,
        lease: Lease,
    ) -> Self {
        let interrupt = Interrupt::default();
        let beating = heartbeat.hold(&lease, &interrupt);
        let granted = thread.granted.clone();
        Self { store, lease, spent: thread.spent, granted, interrupt, _beating: beating }
    }

    /// Releases the thread unchanged.
    pub(crate) async fn release(self) {
        if let Err(error) = self.store.release(&self.lease).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
        }
    }
}

/// Waits until a resource is leased to us. `None` if it does not exist.
pub(crate) async fn claim_when_free(
    store: &dyn Store,
    owner: &Owner,
    resource: &Resource,
) -> Result<Option<Lease>, ThreadsError> {
    loop {
        match store.claim(owner, resource).await? {
            Claim::Held(lease) => return Ok(Some(lease)),
            Claim::Unknown => return Ok(None),
            // Polled: nothing tells this process of a release in another one (ADR 11).
            Claim::Taken => sleep(ASK_AGAIN).await,
        }
    }
}
