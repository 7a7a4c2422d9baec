//! Before a turn runs: its thread is taken, and what is asked is kept.

use tokio::select;
use tokio::time::timeout;

use super::again::kept;
use super::hold::Hold;
use super::line::Place;
use super::questions::{self, answers_in, settled, skip, waiting};
use super::request::now;
use super::turn::{Job, Shared};
use super::{Ask, BeginError, Claim, Entry, NewMessage, Receipt, ThreadEvent, Titles, title_of};
use crate::domain::{
    Answers, Item, ItemContent, ItemId, Message, Order, PageRequest, Thread, ThreadStatus,
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
    /// What the model is sent; loaded from the store if it is none.
    pub(super) transcript: Option<Vec<Message>>,
    /// The words that a new thread is called by.
    pub(super) title: Option<String>,
    pub(super) receipt: Option<Receipt>,
}

impl Shared {
    /// Takes the thread and keeps what is asked; tells the beginning again if it was told before.
    pub(super) async fn take(
        &self,
        job: &mut Job,
        receipt: Option<Receipt>,
        resends: bool,
    ) -> Result<Ready, BeginError> {
        if let Ask::Message(message) = &job.request.ask
            && message.thread.is_none()
        {
            return self.begin_thread(job, message, receipt).await;
        }
        let (line, thread, hold) = self.enter(job).await?;
        let opened = match &job.request.ask {
            Ask::Message(message) => self.add_message(job, message, &thread, &hold).await,
            Ask::Retry { item, .. } => self.try_again(item, &hold).await,
            Ask::Answer { item, answers, .. } => self.add_answers(item, answers, &hold).await,
        };
        let (events, turn) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                hold.release().await;
                return Err(error);
            }
        };
        let (is_new, first) =
            receipt.as_ref().map_or((false, None), |it| (it.is_new, Some(&it.turn)));
        let events = match first.filter(|_| resends) {
            Some(first) => {
                let first = self.store.item(&thread.id, first).await?;
                beginning(&thread, is_new, first)
            }
            None => events,
        };
        job.turn = turn;
        Ok(Ready { hold, line: Some(line), events, transcript: None, title: None, receipt })
    }

    async fn begin_thread(
        &self,
        job: &Job,
        message: &NewMessage,
        receipt: Option<Receipt>,
    ) -> Result<Ready, BeginError> {
        let words = message.said();
        let title = match self.settings.titles {
            Titles::FirstWords => title_of(&words),
            Titles::Model => None,
        };
        let status = ThreadStatus::Active;
        let thread = Thread { id: job.thread.clone(), title, created_at: now(), status };
        let item = message.item(job.turn.clone(), &thread.id);
        let entry = Entry {
            turn: job.turn.clone(),
            item: Some(item.clone()),
            message: Some(message.message()),
        };
        let lease = self.store.create(&thread, entry).await?;
        Ok(Ready {
            hold: Hold::new(self.store.clone(), lease),
            line: None,
            events: beginning(&thread, true, Some(item)),
            transcript: Some(vec![message.message()]),
            title: Some(words),
            receipt,
        })
    }

    /// Waits until the thread is ours; a place in the line keeps the order in this process.
    async fn enter(&self, job: &mut Job) -> Result<(Place, Thread, Hold), BeginError> {
        let id = job.thread.clone();
        let joined = self.lines.join(&id, self.settings.max_waiting);
        let mut line = joined.ok_or(BeginError::Crowded)?;
        if line.is_first() {
            match self.store.claim(&id).await? {
                Claim::Held(thread, lease) => {
                    return self.checked(line, thread, Hold::new(self.store.clone(), lease)).await;
                }
                Claim::Unknown => return Err(BeginError::UnknownThread),
                Claim::Taken if self.settings.max_waiting == 0 => return Err(BeginError::Crowded),
                Claim::Taken => {}
            }
        }
        // A thread that is not there is told by a status, even to those who would wait.
        self.store.find(&id).await?.ok_or(BeginError::UnknownThread)?;
        job.accept();
        job.audience.tell(ThreadEvent::Progress(WAITING.to_owned())).await;
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
        let mut earlier = self.store.turn(thread, item).await?;
        let effects = self.store.effects(thread, item).await?;
        let later = earlier.split_off(earlier.len().min(1));
        self.store.rewind(&hold.lease, item, kept(item, later, effects)).await?;
        Ok((vec![ThreadEvent::Stoppable], item.clone()))
    }

    async fn add_answers(
        &self,
        item: &ItemId,
        answers: &Answers,
        hold: &Hold,
    ) -> Result<(Vec<ThreadEvent>, ItemId), BeginError> {
        let asked = self.store.item(&hold.lease.thread, item).await?;
        let asked = asked.ok_or(BeginError::UnknownItem)?;
        if waiting(&asked).is_none() {
            return Err(BeginError::NotWaiting);
        }
        let settled = settled(asked, answers);
        let entry = Entry {
            turn: item.clone(),
            item: Some(settled.clone()),
            message: Some(questions::message(&settled)),
        };
        self.store.add(&hold.lease, entry).await?;
        let events = vec![ThreadEvent::Stoppable, ThreadEvent::ItemReplaced(Box::new(settled))];
        Ok((events, item.clone()))
    }
}

/// What every stream begins with. A new thread has no title yet, as far as its stream tells.
pub(super) fn beginning(thread: &Thread, is_new: bool, first: Option<Item>) -> Vec<ThreadEvent> {
    let nameless = || Thread { title: None, ..thread.clone() };
    let created = is_new.then(|| ThreadEvent::ThreadCreated(Box::new(nameless())));
    let echo = first.map(|item| ThreadEvent::ItemDone(Box::new(item)));
    created.into_iter().chain(echo).chain([ThreadEvent::Stoppable]).collect()
}
