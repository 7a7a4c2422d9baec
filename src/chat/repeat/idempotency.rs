//! Taking in a request that may have come before.

use super::super::admission::{Admitted, StartMode};
use super::super::context::ChatContext;
use super::super::request::job::TurnJob;
use super::super::{BeginError, NewReceipt, RepeatKey};
use super::{RepeatDecision, RepeatMoment, RepeatedRequest, decide};

/// In each further round a copy got ahead of us between our look and our write.
const MAX_ROUNDS: usize = 8;

impl ChatContext {
    /// Takes in what is asked: begins a turn, goes on with one that broke off, or tells its answer.
    pub(in crate::chat) async fn admit(&self, job: &mut TurnJob) -> Result<Admitted, BeginError> {
        let asked = (job.thread.clone(), job.item.clone());
        for _ in 0..MAX_ROUNDS {
            (job.thread, job.item) = asked.clone();
            if let Some(admitted) = self.admit_once(job).await? {
                return Ok(admitted);
            }
            // Whoever got ahead of us meant the same: we waited for it, and did not come after it.
            job.is_copy = true;
        }
        Err(BeginError::Crowded)
    }

    /// None if what was known of an earlier copy is no longer true.
    async fn admit_once(&self, job: &mut TurnJob) -> Result<Option<Admitted>, BeginError> {
        let Some(repeat) = job.request.context.repeat.clone() else {
            return self.start(job, StartMode::Begin(None)).await;
        };
        let Some(earlier) = self.store.received(&repeat.key).await? else {
            job.is_copy = false;
            let begun = self.start(job, StartMode::Begin(Some(receipt_of(job, &repeat)))).await;
            let is_settled = matches!(begun, Err(BeginError::NotWaiting));
            if is_settled && self.store.received(&repeat.key).await?.is_some() {
                return Ok(None); // By a copy of these very answers.
            }
            return begun;
        };
        let moment = if job.is_copy { RepeatMoment::Waited } else { RepeatMoment::Arrival };
        match decide(RepeatedRequest { repeat: &repeat, earlier: &earlier, moment }) {
            RepeatDecision::Refuse => Err(BeginError::KeyReused),
            RepeatDecision::Begin => {
                let replaces = Some(earlier.receipt.attempt);
                let receipt = NewReceipt { replaces, ..receipt_of(job, &repeat) };
                self.start(job, StartMode::Begin(Some(receipt))).await
            }
            RepeatDecision::GoOn => {
                job.is_copy = true;
                (job.thread, job.item) = (earlier.receipt.thread, earlier.receipt.item);
                self.start(job, StartMode::GoOn(&repeat)).await
            }
            RepeatDecision::Replay => self.replay(job, &earlier).await.map(Some),
        }
    }

    /// The receipt with which a try takes the place of one that broke off; none if that one has
    /// ended since, or something else has begun. Asked while the thread is held.
    pub(in crate::chat) async fn resumable(
        &self,
        job: &TurnJob,
        repeat: &RepeatKey,
    ) -> Result<Option<NewReceipt>, BeginError> {
        let Some(earlier) = self.store.received(&repeat.key).await? else { return Ok(None) };
        let decision =
            decide(RepeatedRequest { repeat, earlier: &earlier, moment: RepeatMoment::Waited });
        let receipt = earlier.receipt;
        let is_ours = decision == RepeatDecision::GoOn && receipt.item == job.item;
        let (is_new, replaces) = (receipt.is_new, Some(receipt.attempt));
        Ok(is_ours.then(|| NewReceipt { is_new, replaces, ..receipt_of(job, repeat) }))
    }
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
