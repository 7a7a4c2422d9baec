//! Before a turn runs: its thread is taken, and what is asked is kept.

use std::collections::VecDeque;

use tokio::select;
use tokio::time::timeout;

use super::again::kept;
use super::budget::{Decision, decision};
use super::hold::Hold;
use super::job::Job;
use super::line::Place;
use super::questions::{self, answers_in, settled, skip, waiting};
use super::request::{chosen, now};
use super::shared::Shared;
use super::{
    Ask, BeginError, Claim, Entry, Lease, NewMessage, Receipt, ThreadEvent, Titles, TurnEnd,
    title_of,
};
use crate::domain::{
    Answers, Item, ItemContent, ItemId, Message, Order, PageRequest, Spend, Thread, ThreadStatus,
};

/// The newest item.
const NEWEST: PageRequest = PageRequest { limit: 1, order: Order::Desc, after: None };

/// What is shown while a message waits.
const WAITING: &str = "Waiting for the answer before this one";

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

    /// Waits until the thread is ours; a place in the line keeps the order in this process.
    async fn enter(&self, job: &mut Job) -> Result<(Place, Thread, Hold), BeginError> {
        let id = job.thread.clone();
        let joined = self.lines.join(&id, self.settings.max_waiting);
        let mut line = joined.ok_or(BeginError::Crowded)?;
        if line.is_first() {
            match self.store.claim(&id).await? {
                Claim::Held(thread, lease) => {
                    let hold = Hold::new(self.store.clone(), &thread, lease);
                    return self.checked(line, thread, hold).await;
                }
                Claim::Unknown => return Err(BeginError::UnknownThread),
                Claim::Taken if self.settings.max_waiting == 0 => return Err(BeginError::Crowded),
                Claim::Taken => {}
            }
        }
        // A thread that is not there is told by a status, even to those who would wait.
        self.store.find(&id).await?.ok_or(BeginError::UnknownThread)?;
        job.accept();
        if !job.is_copy {
            job.audience.tell(ThreadEvent::Progress(WAITING.to_owned())).await;
        }
        let waited = async {
            line.reached().await;
            Hold::wait(&self.store, &id).await
        };
        let held = select! {
            held = timeout(self.settings.turn_timeout * 2, waited) => held,
            () = job.audience.deserted() => return Err(BeginError::Crowded),
            () = self.drained.cancelled() => return Err(BeginError::Draining),
        };
        let (thread, taken) =
            held.map_err(|_| BeginError::Crowded)??.ok_or(BeginError::UnknownThread)?;
        self.checked(line, thread, taken).await
    }

    async fn checked(
        &self,
        line: Place,
        thread: Thread,
        hold: Hold,
    ) -> Result<(Place, Thread, Hold), BeginError> {
        match thread.status {
            ThreadStatus::Active => Ok((line, thread, hold)),
            ThreadStatus::Locked { reason } | ThreadStatus::Closed { reason } => {
                hold.release().await;
                Err(BeginError::Locked { reason })
            }
        }
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

    async fn try_again(
        &self,
        item: &ItemId,
        hold: &Hold,
    ) -> Result<(Vec<ThreadEvent>, ItemId), BeginError> {
        let thread = &hold.lease.thread;
        let asked = self.store.item(thread, item).await?.ok_or(BeginError::UnknownItem)?;
        if !matches!(asked.content, ItemContent::UserMessage { .. }) {
            return Err(BeginError::NotAMessage);
        }
        self.rewind(item, hold).await?;
        Ok((vec![ThreadEvent::Stoppable], item.clone()))
    }

    /// Forgets what came after an item, but for what was done for it.
    async fn rewind(&self, item: &ItemId, hold: &Hold) -> Result<(), BeginError> {
        let thread = &hold.lease.thread;
        let (mut later, mut effects) = (Vec::new(), Vec::new());
        let mut turns = VecDeque::from([item.clone()]);
        while let Some(turn) = turns.pop_front() {
            let entries = self.store.turn(thread, &turn).await?;
            let entries = entries.into_iter().filter(|entry| !is_of(entry, &turn));
            for entry in entries {
                // What was done once a form was answered was done for the message before it.
                turns.extend(form_in(&entry));
                later.push(entry);
            }
            effects.extend(self.store.effects(thread, &turn).await?);
        }
        Ok(self.store.rewind(&hold.lease, item, kept(item, later, effects)).await?)
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

fn is_of(entry: &Entry, id: &ItemId) -> bool {
    entry.item.as_ref().is_some_and(|item| item.id == *id)
}

fn form_in(entry: &Entry) -> Option<ItemId> {
    let item = entry.item.as_ref()?;
    matches!(item.content, ItemContent::StructuredInput { .. }).then(|| item.id.clone())
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
