//! Before a turn runs: its thread is taken, and all that it begins with is kept in one write.

use super::super::context::ChatContext;
use super::super::forms::questions::{answers_in, settled, skip, waiting};
use super::super::request::job::TurnJob;
use super::super::request::{chosen, now};
use super::super::{
    Abilities, Ask, BeginError, Beginning, Begun, Entry, Fact, NewMessage, NewReceipt, RepeatKey,
    Titles, title_of,
};
use super::enter::Entered;
use super::held::HeldThread;
use super::queue::QueueSlot;
use crate::domain::{Item, ItemId, Message, Order, PageRequest, Spend, Thread, ThreadStatus};

/// The newest item.
const NEWEST: PageRequest = PageRequest { limit: 1, order: Order::Desc, after: None };

/// What became of a request.
pub(in crate::chat) enum Admitted {
    /// It is kept; the turn can run.
    Ready(Box<Ready>),
    /// It was answered before: this is told again.
    Replayed(Vec<Fact>),
}

/// A turn that can run.
pub(in crate::chat) struct Ready {
    pub(in crate::chat) held: HeldThread,
    pub(in crate::chat) slot: Option<QueueSlot>,
    pub(in crate::chat) started: Started,
    /// What the model is sent; loaded from the store if it is none.
    pub(in crate::chat) transcript: Option<Vec<Message>>,
    /// The words that a new thread is to be named after.
    pub(in crate::chat) title: Option<String>,
}

/// What a turn begins with.
pub(in crate::chat) struct Started {
    /// The message that it is all done for: the one that a person would retry.
    pub(in crate::chat) root: ItemId,
    /// What is forgotten, and kept instead.
    pub(in crate::chat) rewind_to: Option<ItemId>,
    pub(in crate::chat) entries: Vec<Entry>,
    /// What the stream begins with.
    pub(in crate::chat) events: Vec<Fact>,
    /// The model that was chosen for the message.
    pub(in crate::chat) choice: Option<String>,
    pub(in crate::chat) plan: Plan,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Plan {
    /// To answer.
    Answer,
    /// To say that the answer ends here, as the person chose.
    StopHere,
}

/// How a request comes into its thread.
pub(in crate::chat) enum StartMode<'a> {
    /// As a new one; with a receipt if it may come again.
    Begin(Option<NewReceipt>),
    /// In the place of an earlier copy that broke off.
    GoOn(&'a RepeatKey),
}

impl ChatContext {
    /// Takes the thread and keeps what is asked; none if a copy of it got ahead of us.
    pub(in crate::chat) async fn start(
        &self,
        job: &mut TurnJob,
        mode: StartMode<'_>,
    ) -> Result<Option<Admitted>, BeginError> {
        if let (Ask::Message(message), StartMode::Begin(receipt)) = (&job.request.ask, &mode)
            && message.thread.is_none()
        {
            return self.begin_thread(job, message, receipt.clone()).await;
        }
        let entered = self.enter(job).await?;
        match self.start_in(job, &entered, mode).await {
            Ok(Some(started)) => {
                let Entered { slot, held, .. } = entered;
                let title = match &job.request.ask {
                    Ask::Message(first) if first.thread.is_none() => Some(first.said()),
                    Ask::Message(_) | Ask::Retry { .. } | Ask::Answer { .. } => None,
                };
                let (slot, transcript) = (Some(slot), None);
                let ready = Ready { held, slot, started, transcript, title };
                Ok(Some(Admitted::Ready(Box::new(ready))))
            }
            not_started => {
                entered.held.release().await;
                not_started.map(|_| None)
            }
        }
    }

    async fn start_in(
        &self,
        job: &TurnJob,
        entered: &Entered,
        mode: StartMode<'_>,
    ) -> Result<Option<Started>, BeginError> {
        let (receipt, goes_on) = match mode {
            StartMode::Begin(receipt) => (receipt, false),
            StartMode::GoOn(repeat) => match self.resumable(job, repeat).await? {
                Some(receipt) => (Some(receipt), true),
                None => return Ok(None),
            },
        };
        let started = match &job.request.ask {
            Ask::Message(_) if goes_on => {
                let is_new = receipt.as_ref().is_some_and(|receipt| receipt.is_new);
                self.message_again(&job.item, is_new, entered).await?
            }
            Ask::Message(message) => self.add_message(job, message, entered).await?,
            Ask::Retry { item, .. } => self.try_again(item, entered).await?,
            Ask::Answer { item, .. } if goes_on => self.answer_again(item, entered).await?,
            Ask::Answer { item, answers, .. } => self.add_answers(item, answers, entered).await?,
        };
        let beginning = Beginning {
            attempt: job.attempt.clone(),
            rewind_to: started.rewind_to.clone(),
            entries: started.entries.clone(),
            receipt,
        };
        match self.store.begin(&entered.held.lease, beginning).await? {
            Begun::Kept => Ok(Some(started)),
            Begun::KeyTaken => Ok(None),
        }
    }

    async fn begin_thread(
        &self,
        job: &TurnJob,
        message: &NewMessage,
        receipt: Option<NewReceipt>,
    ) -> Result<Option<Admitted>, BeginError> {
        // Whoever comes next waits behind this turn, and is counted so.
        let slot = self.queues.join(&job.thread, self.settings.max_waiting);
        let title = match self.settings.titles {
            Titles::FirstWords => title_of(&message.said()),
            Titles::Model => None,
        };
        let status = ThreadStatus::Active;
        let (id, spent) = (job.thread.clone(), Spend::default());
        let thread = Thread { id, title, created_at: now(), status, spent };
        let (item, entry) = said(job, message);
        let (attempt, rewind_to) = (job.attempt.clone(), None);
        let first = Beginning { attempt, rewind_to, entries: vec![entry], receipt };
        let Some(lease) = self.store.create(&thread, first).await? else { return Ok(None) };
        let started = Started {
            root: job.item.clone(),
            rewind_to: None,
            entries: Vec::new(),
            events: beginning(&thread, true, Some(item)),
            choice: chosen(&message.inference_options),
            plan: Plan::Answer,
        };
        Ok(Some(Admitted::Ready(Box::new(Ready {
            held: HeldThread::new(self.store.clone(), &self.heartbeat, &thread, lease),
            slot,
            started,
            transcript: Some(vec![message.message()]),
            title: Some(message.said()),
        }))))
    }

    /// A message instead of an answer settles the questions that waited.
    async fn add_message(
        &self,
        job: &TurnJob,
        message: &NewMessage,
        entered: &Entered,
    ) -> Result<Started, BeginError> {
        let thread = &entered.thread;
        let newest = self.store.items(&thread.id, &NEWEST).await?.data.pop();
        let settled =
            newest.and_then(|item| settled_by(message, job.request.context.abilities, item));
        let (item, entry) = said(job, message);
        let mut entries = Vec::new();
        let mut events = beginning(thread, false, Some(item));
        if let Some(form) = settled {
            // Its entry stands already, and stays what it was for.
            let root = form.id.clone();
            entries.push(Entry { root, item: Some(form.clone()), message: None });
            events.push(Fact::ItemReplaced(Box::new(form)));
        }
        entries.push(entry);
        Ok(Started {
            root: job.item.clone(),
            rewind_to: None,
            entries,
            events,
            choice: chosen(&message.inference_options),
            plan: Plan::Answer,
        })
    }

    /// The message that an earlier copy of the request kept.
    async fn message_again(
        &self,
        item: &ItemId,
        is_new: bool,
        entered: &Entered,
    ) -> Result<Started, BeginError> {
        let again = self.try_again(item, entered).await?;
        let said = self.store.item(&entered.thread.id, item).await?;
        Ok(Started { events: beginning(&entered.thread, is_new, said), ..again })
    }
}

/// A message as it is seen and as it is kept.
fn said(job: &TurnJob, message: &NewMessage) -> (Item, Entry) {
    let item = message.item(job.item.clone(), &job.thread);
    let (root, said) = (item.id.clone(), Some(message.message()));
    let entry = Entry { root, item: Some(item.clone()), message: said };
    (item, entry)
}

fn settled_by(message: &NewMessage, abilities: Abilities, item: Item) -> Option<Item> {
    let questions = waiting(&item)?;
    let words = message.said();
    let answers = if abilities.forms { skip() } else { answers_in(&words, questions) };
    Some(settled(item, &answers))
}

/// What every stream begins with. A new thread has no title until one is told.
pub(in crate::chat) fn beginning(thread: &Thread, is_new: bool, first: Option<Item>) -> Vec<Fact> {
    let nameless = || Thread { title: None, ..thread.clone() };
    let created = is_new.then(|| Fact::ThreadCreated(Box::new(nameless())));
    let echo = first.map(|item| Fact::ItemKept(Box::new(item)));
    let is_named = is_new && thread.title.is_some();
    let named = is_named.then(|| Fact::ThreadUpdated(Box::new(thread.clone())));
    created.into_iter().chain(echo).chain([Fact::Stoppable]).chain(named).collect()
}
