//! Takes a thread for a turn: in order, and only if it accepts messages.

use tokio::select;
use tokio::time::timeout;

use super::super::context::ChatContext;
use super::super::request::job::TurnJob;
use super::super::{BeginError, Claim, Fact, Lease, Resource};
use super::held::{HeldThread, claim_when_free};
use super::queue::QueueSlot;
use crate::domain::{Thread, ThreadStatus};

/// A thread that this turn may write in.
pub(in crate::chat) struct Entered {
    pub(in crate::chat) slot: QueueSlot,
    pub(in crate::chat) thread: Thread,
    pub(in crate::chat) held: HeldThread,
}

impl ChatContext {
    /// Waits until the thread is leased to us. A slot in the queue keeps the order in this process.
    pub(super) async fn enter(&self, job: &mut TurnJob) -> Result<Entered, BeginError> {
        let resource = Resource::from(&job.thread);
        // The queue before the lease: with claims alone the order would be that of the retries.
        let joined = self.queues.join(&job.thread, self.settings.max_waiting);
        let mut slot = joined.ok_or(BeginError::Crowded)?;
        if slot.is_first() {
            match self.store.claim(&resource).await? {
                Claim::Held(lease) => return self.checked(job, slot, lease).await,
                Claim::Unknown => return Err(BeginError::UnknownThread),
                // Without a queue there is no waiting for another process either.
                Claim::Taken if self.settings.max_waiting == 0 => return Err(BeginError::Crowded),
                Claim::Taken => {}
            }
        }
        // Checked before the stream begins: an unknown thread gets a status, even if it would wait.
        self.store.find(&job.thread).await?.ok_or(BeginError::UnknownThread)?;
        job.accept();
        // A copy waits for its own answer, not for the one before it.
        if !job.is_copy {
            job.log.tell(Fact::Waiting);
        }
        let waited = async {
            slot.reached().await;
            claim_when_free(&*self.store, &resource).await
        };
        let held = select! {
            held = timeout(self.settings.turn_timeout * 2, waited) => held,
            // Nothing is stored yet, so a reader that leaves just ends the wait (ADR 11).
            () = job.log.deserted() => return Err(BeginError::Crowded),
            () = self.drained.cancelled() => return Err(BeginError::Draining),
        };
        let lease = held.map_err(|_| BeginError::Crowded)??.ok_or(BeginError::UnknownThread)?;
        self.checked(job, slot, lease).await
    }

    async fn checked(
        &self,
        job: &TurnJob,
        slot: QueueSlot,
        lease: Lease,
    ) -> Result<Entered, BeginError> {
        // Read after the claim: only now nobody else can change it.
        let thread = self.store.find(&job.thread).await;
        let thread = match thread {
            Ok(Some(thread)) => thread,
            unknown => {
                self.release_lease(&lease).await;
                return Err(unknown.err().map_or(BeginError::UnknownThread, BeginError::Threads));
            }
        };
        if let ThreadStatus::Locked { reason } | ThreadStatus::Closed { reason } = thread.status {
            self.release_lease(&lease).await;
            return Err(BeginError::Locked { reason });
        }
        let held = HeldThread::new(self.store.clone(), &self.heartbeat, &thread, lease);
        Ok(Entered { slot, thread, held })
    }

    /// Releases a lease under which nothing was written.
    pub(in crate::chat) async fn release_lease(&self, lease: &Lease) {
        if let Err(error) = self.store.release(lease).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
        }
    }
}
