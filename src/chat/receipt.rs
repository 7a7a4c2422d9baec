//! Requests that come twice: one turn, however often it is asked for.

use jiff::Timestamp;

use super::opening::{Ready, beginning};
use super::request::now;
use super::turn::{Job, Shared};
use super::{Ask, BeginError, Ending, Receipt, RepeatKey, Span, ThreadEvent, TurnEnd};
use crate::domain::Outcome;

/// Whoever cut a turn and asks the same again within so many seconds meant the same.
const SAME_BREATH: i64 = 10;

/// What became of a request.
pub(super) enum Opening {
    /// It is kept; the turn can run.
    Ready(Box<Ready>),
    /// It was answered before, and the answer was told again.
    Replayed,
}

impl Shared {
    /// Takes the thread and keeps what is asked.
    pub(super) async fn open(&self, job: &mut Job) -> Result<Opening, BeginError> {
        let Some(repeat) = job.request.repeat.clone() else {
            return Ok(Opening::Ready(Box::new(self.take(job, None, false).await?)));
        };
        let receipt = receipt_of(job, &repeat);
        let Some(earlier) = self.earlier(&receipt, repeat.span).await? else {
            return Ok(Opening::Ready(Box::new(self.take(job, Some(receipt), false).await?)));
        };
        if earlier.body != repeat.body {
            return Err(BeginError::KeyReused);
        }
        self.open_again(job, earlier, receipt).await
    }

    /// An earlier copy that counts, if there is one.
    async fn earlier(&self, receipt: &Receipt, span: Span) -> Result<Option<Receipt>, BeginError> {
        while let Some(earlier) = self.store.receive(receipt).await? {
            let is_over = match (&earlier.end, span) {
                (None, _) | (Some(_), Span::Day) => false,
                (Some(ending), Span::Turn) => !ending.was_just_cut(),
            };
            if !is_over {
                return Ok(Some(earlier));
            }
            if self.store.supersede(&earlier, receipt).await? {
                break;
            }
        }
        Ok(None)
    }

    /// The same request again: its answer is told again, or its turn goes on.
    async fn open_again(
        &self,
        job: &mut Job,
        earlier: Receipt,
        receipt: Receipt,
    ) -> Result<Opening, BeginError> {
        if self.store.find(&earlier.thread).await?.is_none() {
            // Its process died before it kept anything.
            self.store.supersede(&earlier, &receipt).await?;
            return Ok(Opening::Ready(Box::new(self.take(job, Some(receipt), false).await?)));
        }
        if let Some(ending) = earlier.end.as_deref().filter(|ending| !ending.was_cut()) {
            self.replay(job, &earlier, &ending.turn).await?;
            return Ok(Opening::Replayed);
        }
        (job.thread, job.turn) = (earlier.thread.clone(), earlier.turn.clone());
        job.request.ask = Ask::Retry { thread: earlier.thread.clone(), item: earlier.turn.clone() };
        let ready = self.take(job, Some(earlier.clone()), true).await?;
        // It may have ended elsewhere while we waited for the thread.
        let now = self.store.received(&earlier.key).await?;
        let ending = now.and_then(|now| now.end).filter(|ending| !ending.was_cut());
        let Some(ending) = ending else { return Ok(Opening::Ready(Box::new(ready))) };
        ready.hold.release().await;
        self.replay(job, &earlier, &ending.turn).await?;
        Ok(Opening::Replayed)
    }

    /// Tells a turn that is over once more, from the store.
    async fn replay(
        &self,
        job: &mut Job,
        receipt: &Receipt,
        end: &TurnEnd,
    ) -> Result<(), BeginError> {
        let thread = self.store.find(&receipt.thread).await?.ok_or(BeginError::UnknownThread)?;
        let entries = self.store.turn(&receipt.thread, &receipt.turn).await?;
        let mut items = entries.into_iter().filter_map(|entry| entry.item);
        job.accept();
        let first = items.next();
        for event in beginning(&thread, receipt.is_new, first) {
            job.audience.tell(event).await;
        }
        for item in items {
            job.audience.tell(ThreadEvent::ItemDone(Box::new(item))).await;
        }
        job.audience.tell(ThreadEvent::Ended(Box::new(end.clone()))).await;
        Ok(())
    }

    /// Notes how the turn of a request ended.
    pub(super) async fn settle(&self, receipt: &mut Receipt, end: &TurnEnd) {
        receipt.end = Some(Box::new(Ending { at: now(), turn: end.clone() }));
        if let Err(error) = self.store.settle(receipt).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Receipt was not settled");
        }
    }
}

impl Ending {
    /// Whether the person left before the turn was over.
    fn was_cut(&self) -> bool {
        self.turn.outcome == Outcome::Cancelled
    }

    fn was_just_cut(&self) -> bool {
        let since = Timestamp::now().as_second() - self.at.as_second();
        self.was_cut() && since <= SAME_BREATH
    }
}

fn receipt_of(job: &Job, repeat: &RepeatKey) -> Receipt {
    let is_new = matches!(&job.request.ask, Ask::Message(message) if message.thread.is_none());
    let turn = match &job.request.ask {
        Ask::Message(_) => job.turn.clone(),
        Ask::Retry { item, .. } | Ask::Answer { item, .. } => item.clone(),
    };
    Receipt {
        key: repeat.key.clone(),
        body: repeat.body.clone(),
        thread: job.thread.clone(),
        turn,
        is_new,
        end: None,
    }
}
