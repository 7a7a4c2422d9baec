//! Holding a thread for one turn, across all processes that share the store.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{Claim, LEASE, Lease, Store, ThreadsError};
use crate::agents::{Finish, Interrupt};
use crate::domain::{Thread, ThreadId};

/// Three chances to say that we are alive before the lease is over.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// How often a thread held elsewhere is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A held thread.
pub(super) struct Hold {
    store: Arc<dyn Store>,
    pub(super) lease: Lease,
}

impl Hold {
    /// What a lease on a thread just made is worth.
    pub(super) fn new(store: Arc<dyn Store>, lease: Lease) -> Self {
        Self { store, lease }
    }

    /// Waits until the thread is ours; none if there is no such thread.
    pub(super) async fn wait(
        store: &Arc<dyn Store>,
        id: &ThreadId,
    ) -> Result<Option<(Thread, Self)>, ThreadsError> {
        loop {
            match store.claim(id).await? {
                Claim::Held(thread, lease) => {
                    return Ok(Some((thread, Self::new(Arc::clone(store), lease))));
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

    /// Lets the thread go, and tells how it looks now.
    pub(super) async fn release(self) -> Option<Thread> {
        match self.store.release(&self.lease).await {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
                None
            }
        }
    }
}
