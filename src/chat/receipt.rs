//! Requests that come twice: one turn, however often it is asked for.

use jiff::Timestamp;

use super::job::Job;
use super::opening::{Opening, beginning};
use super::request::now;
use super::shared::Shared;
use super::{Ask, BeginError, Ending, Receipt, RepeatKey, Span, ThreadEvent, TurnEnd};
use crate::domain::Outcome;

/// Whoever cut a turn and asks the same again within so many seconds meant the same.
const SAME_BREATH: i64 = 10;

impl Shared {
    /// Takes the thread and keeps what is asked.
    pub(super) async fn open(&self, job: &mut Job) -> Result<Opening, BeginError> {
        let Some(repeat) = job.request.repeat.clone() else {
            return self.take(job, None).await;
        };
        let receipt = receipt_of(job, &repeat);
        job.turn = receipt.turn.clone();
        let Some(earlier) = self.earlier(&receipt, repeat.span).await? else {
            return self.take(job, Some(receipt)).await;
        };
        if earlier.body != repeat.body {
            return Err(BeginError::KeyReused);
        }
        self.open_again(job, earlier).await
    }

    /// An earlier copy that counts, if there is one.
    async fn earlier(&self, receipt: &Receipt, span: Span) -> Result<Option<Receipt>, BeginError> {
        while let Some(earlier) = self.store.receive(receipt).await? {
            let is_over = match (earlier.end.as_deref(), span) {
                (None, _) => false,
                (Some(ending), Span::Turn) if !ending.was_just_cut() => true,
                // There is nothing to tell of a thread that was deleted since.
                (Some(_), _) => self.store.find(&earlier.thread).await?.is_none(),
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
    async fn open_again(&self, job: &mut Job, mut earlier: Receipt) -> Result<Opening, BeginError> {
        (job.thread, job.turn) = (earlier.thread.clone(), earlier.turn.clone());
        job.is_copy = true;
        if let Some(ending) = earlier.end.take() {
            if !ending.was_cut() {
                return self.replay(job, Some(earlier), &ending.turn).await;
            }
            // Further copies wait for the end of this try.
            self.store.settle(&earlier).await?;
        }
        if let Ask::Message(message) = &job.request.ask
            && earlier.is_new
            && self.store.find(&earlier.thread).await?.is_none()
        {
            // The first copy died before it kept anything, or is about to keep the very same.
            // Whichever of us made it, the lease is the first one's until it is over.
            self.make_thread(job, message).await?;
        }
        self.take(job, Some(earlier)).await
    }

    /// How the turn of a request ended, as far as is known now.
    pub(super) async fn ending(&self, receipt: &Receipt) -> Result<Option<Ending>, BeginError> {
        let now = self.store.received(&receipt.key).await?;
        let now = now.filter(|now| now.request == receipt.request);
        Ok(now.and_then(|now| now.end).map(|ending| *ending))
    }

    /// Tells a turn that is over once more, from the store.
    pub(super) async fn replay(
        &self,
        job: &mut Job,
        receipt: Option<Receipt>,
        end: &TurnEnd,
    ) -> Result<Opening, BeginError> {
        let is_new = receipt.is_some_and(|receipt| receipt.is_new);
        let thread = self.store.find(&job.thread).await?.ok_or(BeginError::UnknownThread)?;
        let first = self.store.item(&thread.id, &job.turn).await?;
        let entries = self.store.turn(&thread.id, &job.turn).await?;
        job.accept();
        let begins = match &job.request.ask {
            Ask::Message(_) => beginning(&thread, is_new, first),
            Ask::Retry { .. } => vec![ThreadEvent::Stoppable],
            Ask::Answer { .. } => {
                let replaced = first.map(|item| ThreadEvent::ItemReplaced(Box::new(item)));
                [ThreadEvent::Stoppable].into_iter().chain(replaced).collect()
            }
        };
        for event in begins {
            job.audience.tell(event).await;
        }
        let items = entries.into_iter().filter_map(|entry| entry.item);
        for item in items.filter(|item| item.id != job.turn) {
            job.audience.tell(ThreadEvent::ItemDone(Box::new(item))).await;
        }
        job.audience.tell(ThreadEvent::Ended(Box::new(end.clone()))).await;
        Ok(Opening::Replayed)
    }
}

impl Receipt {
    /// The same once its turn ends, which is now.
    pub(super) fn ended(&self, turn: &TurnEnd) -> Self {
        let ending = Ending { at: now(), turn: turn.clone() };
        Self { end: Some(Box::new(ending)), ..self.clone() }
    }
}

impl Ending {
    /// Whether the person left before the turn was over.
    pub(super) fn was_cut(&self) -> bool {
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
        request: job.turn.to_string(),
        thread: job.thread.clone(),
        turn,
        is_new,
        end: None,
    }
}
