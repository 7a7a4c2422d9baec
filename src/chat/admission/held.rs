//! Holding a thread for one turn, across all processes that share the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::super::{Claim, Lease, Resource, Store, ThreadsError};
use super::heartbeat::{Beating, Heartbeat};
use crate::agents::Interrupt;
use crate::domain::{Spend, Thread};

/// How often a thread held elsewhere is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A held thread; it is renewed for as long as this lives.
pub(in crate::chat) struct HeldThread {
    store: Arc<dyn Store>,
    pub(in crate::chat) lease: Lease,
    /// What the thread had cost when it was taken; nobody else adds to it meanwhile.
    pub(in crate::chat) spent: Spend,
    /// Raised once the thread is no longer ours.
    pub(in crate::chat) interrupt: Interrupt,
    _beating: Beating,
}

impl HeldThread {
    /// What a lease on this thread is worth.
    pub(in crate::chat) fn new(
        store: Arc<dyn Store>,
        heartbeat: &Arc<Heartbeat>,
        thread: &Thread,
        lease: Lease,
    ) -> Self {
        let interrupt = Interrupt::default();
        let beating = heartbeat.hold(&lease, &interrupt);
        Self { store, lease, spent: thread.spent, interrupt, _beating: beating }
    }

    /// Lets the thread go as it was.
    pub(in crate::chat) async fn release(self) {
        if let Err(error) = self.store.release(&self.lease).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
        }
    }
}

/// Waits until a resource is ours; none if there is no such resource.
pub(in crate::chat) async fn claim_when_free(
    store: &dyn Store,
    resource: &Resource,
) -> Result<Option<Lease>, ThreadsError> {
    loop {
        match store.claim(resource).await? {
            Claim::Held(lease) => return Ok(Some(lease)),
            Claim::Unknown => return Ok(None),
            Claim::Taken => sleep(ASK_AGAIN).await,
        }
    }
}
