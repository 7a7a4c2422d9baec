//! Admits a request that may be a repetition.

use super::super::admission::{Admitted, StartMode, start};
use super::super::context::ChatContext;
use super::super::request::job::TurnJob;
use super::super::{BeginError, NewReceipt, RepeatKey};
use super::replay::replay;
use super::{RepeatDecision, RepeatMoment, RepeatedRequest, decide};

/// Each further round means that a copy was faster between our read and our write.
const MAX_ROUNDS: usize = 8;

/// Admits a request: begins a turn, continues one that broke off, or replays its answer.
pub(crate) async fn admit(chat: &ChatContext, job: &mut TurnJob) -> Result<Admitted, BeginError> {
    let asked = (job.thread.clone(), job.item.clone());
    for _ in 0..MAX_ROUNDS {
        // The round before may have pointed the job at an earlier copy's thread.
        (job.thread, job.item) = asked.clone();
        if let Some(admitted) = admit_once(chat, job).await? {
            return Ok(admitted);
        }
        // A faster copy is the same request. We waited for it, so this one stays a copy
        // (ADR 22).
        job.is_copy = true;
    }
    Err(BeginError::Crowded)
}

/// `None` if what was read of an earlier copy is outdated.
async fn admit_once(chat: &ChatContext, job: &mut TurnJob) -> Result<Option<Admitted>, BeginError> {
    let Some(repeat) = job.request.context.repeat.clone() else {
        return start(chat, job, StartMode::Begin(None)).await;
    };
    let Some(earlier) = chat.store.received(&repeat.key).await? else {
        job.is_copy = false;
        let begun = start(chat, job, StartMode::Begin(Some(receipt_of(job, &repeat)))).await;
        let is_settled = matches!(begun, Err(BeginError::NotWaiting));
        if is_settled && chat.store.received(&repeat.key).await?.is_some() {
            return Ok(None); // A copy of these answers was faster.
        }
        return begun;
    };
    let moment = if job.is_copy { RepeatMoment::Waited } else { RepeatMoment::Arrival };
    match decide(RepeatedRequest { repeat: &repeat, earlier: &earlier, moment }) {
        RepeatDecision::Refuse => Err(BeginError::KeyReused),
        RepeatDecision::Begin => {
            // Replaced only if it is still the receipt that was read; otherwise a copy was
            // faster.
            let replaces = Some(earlier.receipt.attempt);
            let receipt = NewReceipt { replaces, ..receipt_of(job, &repeat) };
            start(chat, job, StartMode::Begin(Some(receipt))).await
        }
        RepeatDecision::GoOn => {
            job.is_copy = true;
            (job.thread, job.item) = (earlier.receipt.thread, earlier.receipt.item);
            if let Some(counted) = &mut job.counted {
                counted.count_in(&job.thread).await;
            }
            start(chat, job, StartMode::GoOn(&repeat)).await
        }
        RepeatDecision::Replay => replay(chat, job, &earlier).await.map(Some),
    }
}

/// The receipt of a try that continues one that broke off. `None` if that one has ended since,
/// or something else has begun. Called while the thread is held, so the answer stays true.
pub(crate) async fn resumable(
    chat: &ChatContext,
    job: &TurnJob,
    repeat: &RepeatKey,
) -> Result<Option<NewReceipt>, BeginError> {
    let Some(earlier) = chat.store.received(&repeat.key).await? else { return Ok(None) };
    let decision =
        decide(RepeatedRequest { repeat, earlier: &earlier, moment: RepeatMoment::Waited });
    let receipt = earlier.receipt;
    let is_ours = decision == RepeatDecision::GoOn && receipt.item == job.item;
    let replaces = Some(receipt.attempt);
    Ok(is_ours.then(|| NewReceipt { replaces, ..receipt_of(job, repeat) }))
}

fn receipt_of(job: &TurnJob, repeat: &RepeatKey) -> NewReceipt {
    NewReceipt {
        key: repeat.key.clone(),
        body: repeat.body.clone(),
        item: job.item.clone(),
        is_new: job.request.thread().is_none(),
        replaces: None,
    }
}
