//! Takes a thread for a turn: in order, and only if it accepts messages.

use tokio::select;
use tokio::time::timeout;

use super::super::context::ChatContext;
use super::super::request::job::{AnswerOrigin, TurnJob};
use super::super::{BeginError, Claim, Fact, Lease, Resource};
use super::held::{HeldThread, claim_when_free};
use super::queue::QueueSlot;
use base::domain::{Thread, ThreadStatus};

/// A thread that this turn may write in.
pub(crate) struct Entered {
    pub(crate) slot: QueueSlot,
    pub(crate) thread: Thread,
    pub(crate) held: HeldThread,
    /// Whether it had to wait for its thread: what the person saw when they wrote is not what is
    /// there now.
    pub(crate) waited: bool,
}

/// Waits until the thread is leased to us. A slot in the queue keeps the order in this process.
pub(super) async fn enter(chat: &ChatContext, job: &mut TurnJob) -> Result<Entered, BeginError> {
    let resource = Resource::from(&job.thread);
    // The queue before the lease: with claims alone the order would be that of the retries.
    let joined = chat.queues.join(job.owner(), &job.thread, chat.settings.max_waiting);
    let mut slot = joined.ok_or(BeginError::Crowded)?;
    if slot.is_first() {
        match chat.store.claim(job.owner(), &resource).await? {
            Claim::Held(lease) => return checked(chat, job, (slot, lease), false).await,
            Claim::Unknown => return Err(BeginError::UnknownThread),
            // Without a queue there is no waiting for another process either.
            Claim::Taken if chat.settings.max_waiting == 0 => return Err(BeginError::Crowded),
            Claim::Taken => {}
        }
    }
    // Checked before the stream begins: an unknown thread gets a status, even if it would wait.
    chat.store.find(job.owner(), &job.thread).await?.ok_or(BeginError::UnknownThread)?;
    job.accept(AnswerOrigin::Turn);
    // A copy waits for its own answer, not for the one before it.
    if !job.is_copy {
        job.log.tell(Fact::Waiting);
    }
    let waited = async {
        slot.reached().await;
        claim_when_free(&*chat.store, job.owner(), &resource).await
    };
    let held = select! {
        held = timeout(chat.settings.turn_timeout * 2, waited) => held,
        // Nothing is stored yet, so a reader that leaves just ends the wait (ADR 11).
        () = job.log.deserted() => return Err(BeginError::Crowded),
        () = chat.drained.cancelled() => return Err(BeginError::Draining),
    };
    let lease = held.map_err(|_| BeginError::Crowded)??.ok_or(BeginError::UnknownThread)?;
    checked(chat, job, (slot, lease), true).await
}

async fn checked(
    chat: &ChatContext,
    job: &TurnJob,
    (slot, lease): (QueueSlot, Lease),
    waited: bool,
) -> Result<Entered, BeginError> {
    // Read after the claim: only now nobody else can change it.
    let thread = chat.store.find(job.owner(), &job.thread).await;
    let thread = match thread {
        Ok(Some(thread)) => thread,
        unknown => {
            release_lease(chat, &lease).await;
            return Err(unknown.err().map_or(BeginError::UnknownThread, BeginError::Threads));
        }
    };
    if let ThreadStatus::Locked { reason } | ThreadStatus::Closed { reason } = thread.status {
        release_lease(chat, &lease).await;
        return Err(BeginError::Locked { reason });
    }
    let held = HeldThread::new(chat.store.clone(), &chat.heartbeat, &thread, lease);
    Ok(Entered { slot, thread, held, waited })
}

/// Releases a lease under which nothing was written.
pub(crate) async fn release_lease(chat: &ChatContext, lease: &Lease) {
    if let Err(error) = chat.store.release(lease).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Lease not released");
    }
}
