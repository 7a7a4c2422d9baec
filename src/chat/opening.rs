//! Before a turn runs: its thread is taken, and what is asked is kept.

use super::budget::{Decision, decision};
use super::hold::Hold;
use super::job::Job;
use super::line::Place;
use super::questions::{self, answers_in, settled, skip, waiting};
use super::request::{chosen, now};
use super::shared::Shared;
use super::{
    Ask, BeginError, Entry, Lease, NewMessage, Receipt, ThreadEvent, Titles, TurnEnd, title_of,
};
use crate::domain::{
    Answers, Item, ItemContent, ItemId, Message, Order, PageRequest, Spend, Thread, ThreadStatus,
};

/// The newest item.
const NEWEST: PageRequest = PageRequest { limit: 1, order: Order::Desc, after: None };

/// A turn that can run.
pub(super) struct Ready {
    pub(super) hold: Hold,
    pub(super) line: Option<Place>,
    /// What the stream begins with.
    pub(super) events: Vec<ThreadEvent>,
    /// The model that was chosen for the message.
    pub(super) choice: Option<String>,
    /// What the model is sent; loaded from the store if it is none.
    pub(super) transcript: Option<Vec<Message>>,
    /// The words that a new thread is to be named after.
    pub(super) title: Option<String>,
    pub(super) receipt: Option<Receipt>,
}

/// What became of a request.
pub(super) enum Opening {
    /// It is kept; the turn can run.
    Ready(Box<Ready>),
    /// It was answered before, and the answer was told again.
    Replayed,
}

/// What became of a request once its thread was taken.
enum Opened {
    /// It is kept, under this item; this model was chosen, and the stream begins so.
    Begun(Option<String>, Vec<ThreadEvent>, ItemId),
    /// A copy of it was answered meanwhile, or there is nothing to do.
    Over(TurnEnd),
}

impl Shared {
    /// Takes the thread and keeps what is asked, or goes on with what a copy of it began.
    pub(super) async fn take(
        &self,
        job: &mut Job,
        receipt: Option<Receipt>,
    ) -> Result<Opening, BeginError> {
        if let Ask::Message(message) = &job.request.ask
            && message.thread.is_none()
            && !job.is_copy
        {
            let ready = self.begin_thread(job, message, receipt).await?;
            return Ok(Opening::Ready(Box::new(ready)));
        }
        let (line, thread, hold) = self.enter(job).await?;
        let opened = self.keep(job, receipt.as_ref(), &thread, &hold).await;
        let (choice, events, turn) = match opened {
            Ok(Opened::Begun(choice, events, turn)) => (choice, events, turn),
            Ok(Opened::Over(end)) => {
                hold.release().await;
                drop(line);
                return self.replay(job, receipt, &end).await;
            }
            Err(error) => {
                hold.release().await;
                return Err(error);
            }
        };
        job.turn = turn;
        let (line, transcript) = (Some(line), None);
        let title = match &job.request.ask {
            Ask::Message(first) if first.thread.is_none() => Some(first.said()),
            Ask::Message(_) | Ask::Retry { .. } | Ask::Answer { .. } => None,
        };
        Ok(Opening::Ready(Box::new(Ready {
            hold,
            line,
            events,
            choice,
            transcript,
            title,
            receipt,
        })))
    }

    async fn keep(
        &self,
        job: &mut Job,
        receipt: Option<&Receipt>,
        thread: &Thread,
        hold: &Hold,
    ) -> Result<Opened, BeginError> {
        let ending = match receipt {
            Some(receipt) => self.ending(receipt).await?,
            None => None,
        };
        if let Some(ending) = ending.as_ref().filter(|ending| !ending.was_cut()) {
            return Ok(Opened::Over(ending.turn.clone()));
        }
        job.is_copy |= ending.is_some();
        let is_new = receipt.is_some_and(|receipt| receipt.is_new);
        let choice = self.choice(job).await?;
        let (events, turn) = match &job.request.ask {
            Ask::Message(message) => match self.kept_before(job).await? {
                Some(item) => {
                    self.rewind(&job.turn, hold).await?;
                    (beginning(thread, is_new, Some(item)), job.turn.clone())
                }
                None => self.add_message(job, message, thread, hold).await?,
            },
            Ask::Retry { item, .. } => self.try_again(item, hold).await?,
            Ask::Answer { item, answers, .. } => {
                let settled = self.add_answers(item, answers, hold, job.is_copy).await?;
                if decision(&settled) == Some(Decision::Stop) {
                    job.turn = settled.id;
                    return Ok(Opened::Over(self.stop_here(&job.turn, hold).await?));
                }
                let turn = settled.id.clone();
                let replaced = ThreadEvent::ItemReplaced(Box::new(settled));
                (vec![ThreadEvent::Stoppable, replaced], turn)
            }
        };
        Ok(Opened::Begun(choice, events, turn))
    }

    /// The message, if an earlier copy of the request kept it.
    async fn kept_before(&self, job: &Job) -> Result<Option<Item>, BeginError> {
        if !job.is_copy {
            return Ok(None);
        }
        Ok(self.store.item(&job.thread, &job.turn).await?)
    }

    async fn begin_thread(
        &self,
        job: &Job,
        message: &NewMessage,
        receipt: Option<Receipt>,
    ) -> Result<Ready, BeginError> {
        // Whoever comes next waits behind this turn, and is counted so.
        let line = self.lines.join(&job.thread, self.settings.max_waiting);
        let (thread, item, lease) = self.make_thread(job, message).await?;
        Ok(Ready {
            hold: Hold::new(self.store.clone(), &thread, lease),
            line,
            events: beginning(&thread, true, Some(item)),
            choice: chosen(&message.inference_options),
            transcript: Some(vec![message.message()]),
            title: Some(message.said()),
            receipt,
        })
    }

    pub(super) async fn make_thread(
        &self,
        job: &Job,
        message: &NewMessage,
    ) -> Result<(Thread, Item, Lease), BeginError> {
        let title = match self.settings.titles {
            Titles::FirstWords => title_of(&message.said()),
            Titles::Model => None,
        };
        let status = ThreadStatus::Active;
        let (id, spent) = (job.thread.clone(), Spend::default());
        let thread = Thread { id, title, created_at: now(), status, spent };
        let item = message.item(job.turn.clone(), &thread.id);
        let entry = Entry {
            turn: job.turn.clone(),
            item: Some(item.clone()),
            message: Some(message.message()),
        };
        let lease = self.store.create(&thread, entry).await?;
        Ok((thread, item, lease))
    }

    /// A message instead of an answer settles the questions that waited.
    async fn add_message(
        &self,
        job: &Job,
        message: &NewMessage,
        thread: &Thread,
        hold: &Hold,
    ) -> Result<(Vec<ThreadEvent>, ItemId), BeginError> {
        let newest = self.store.items(&thread.id, &NEWEST).await?.data.pop();
        let open = newest.filter(|item| waiting(item).is_some());
        let settled = open.map(|item| {
            let questions = waiting(&item).unwrap_or_default();
            let words = message.said();
            let answers =
                if message.reads_text_only { answers_in(&words, questions) } else { skip() };
            settled(item, &answers)
        });
        if let Some(item) = &settled {
            let entry = Entry { turn: item.id.clone(), item: Some(item.clone()), message: None };
            self.store.add(&hold.lease, entry).await?;
        }
        let item = message.item(job.turn.clone(), &thread.id);
        let entry = Entry {
            turn: item.id.clone(),
            item: Some(item.clone()),
            message: Some(message.message()),
        };
        self.store.add(&hold.lease, entry).await?;
        let mut events = beginning(thread, false, Some(item));
        events.extend(settled.map(|item| ThreadEvent::ItemReplaced(Box::new(item))));
        Ok((events, job.turn.clone()))
    }

    async fn add_answers(
        &self,
        item: &ItemId,
        answers: &Answers,
        hold: &Hold,
        is_copy: bool,
    ) -> Result<Item, BeginError> {
        let asked = self.store.item(&hold.lease.thread, item).await?;
        let asked = asked.ok_or(BeginError::UnknownItem)?;
        if waiting(&asked).is_none() {
            let is_known = matches!(asked.content, ItemContent::StructuredInput { .. }) && is_copy;
            if !is_known {
                return Err(BeginError::NotWaiting);
            }
            self.rewind(item, hold).await?;
            return Ok(asked);
        }
        let settled = settled(asked, answers);
        let entry = Entry {
            turn: item.clone(),
            item: Some(settled.clone()),
            message: questions::message(&settled),
        };
        self.store.add(&hold.lease, entry).await?;
        Ok(settled)
    }
}

/// What every stream begins with. A new thread has no title until one is told.
pub(super) fn beginning(thread: &Thread, is_new: bool, first: Option<Item>) -> Vec<ThreadEvent> {
    let nameless = || Thread { title: None, ..thread.clone() };
    let created = is_new.then(|| ThreadEvent::ThreadCreated(Box::new(nameless())));
    let echo = first.map(|item| ThreadEvent::ItemDone(Box::new(item)));
    let is_named = is_new && thread.title.is_some();
    let named = is_named.then(|| ThreadEvent::ThreadUpdated(Box::new(thread.clone())));
    created.into_iter().chain(echo).chain([ThreadEvent::Stoppable]).chain(named).collect()
}
