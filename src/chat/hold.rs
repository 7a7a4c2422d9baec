//! Holding a thread for one turn, across all processes that share the store.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{Claim, LEASE, Lease, Parting, Store, ThreadsError};
use crate::agents::{Finish, Interrupt};
use crate::domain::{Spend, Thread, ThreadId};

/// Three chances to say that we are alive before the lease is over.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// How often a thread held elsewhere is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A held thread.
pub(super) struct Hold {
    store: Arc<dyn Store>,
    pub(super) lease: Lease,
    /// What the thread had cost when it was taken; nobody else adds to it meanwhile.
    pub(super) spent: Spend,
}

impl Hold {
    /// What a lease on this thread is worth.
    pub(super) fn new(store: Arc<dyn Store>, thread: &Thread, lease: Lease) -> Self {
        Self { store, lease, spent: thread.spent }
    }

    /// Waits until the thread is ours; none if there is no such thread.
    pub(super) async fn wait(
        store: &Arc<dyn Store>,
        id: &ThreadId,
    ) -> Result<Option<(Thread, Self)>, ThreadsError> {
        loop {
            match store.claim(id).await? {
                Claim::Held(thread, lease) => {
                    let hold = Self::new(Arc::clone(store), &thread, lease);
                    return Ok(Some((thread, hold)));
                }
                Claim::Unknown => return Ok(None),
                Claim::Taken => sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Says that we are alive; raises the interrupt once the thread is no longer ours.
    pub(super) async fn keep(&self, interrupt: &Interrupt) -> Infallible {
        loop {
            sleep(HEARTBEAT).await;
            match self.store.renew(&self.lease).await {
                Ok(()) => {}
                Err(ThreadsError::Lost) => interrupt.raise(Finish::Lost),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "Lease not renewed");
                }
            }
        }
    }

    /// Lets the thread go as it was.
    pub(super) async fn release(self) {
        let parting = Parting { spent: self.spent, ..Parting::default() };
        if let Err(error) = self.store.release(&self.lease, parting).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
        }
    }
}
