//! Before a turn runs: takes its thread, and stores all that the turn begins with in one write.

use std::collections::{HashMap, HashSet};

use super::super::context::ChatContext;
use super::super::forms::questions::{answers_in, settled, skip, waiting};
use super::super::forms::{approval, inquiry};
use super::super::repeat::{resumable, try_again};
use super::super::request::job::TurnJob;
use super::super::request::prompt_start::StartedPrompt;
use super::super::request::{chosen, now};
use super::super::{
    Abilities, Ask, BeginError, Beginning, Begun, Entry, Fact, NewMessage, NewReceipt, RepeatKey,
    Titles, title_of,
};
use super::answers::{add_answers, answer_again, answered};
use super::due::count_due;
use super::enter::{Entered, enter};
use super::held::HeldThread;
use super::queue::QueueSlot;
use base::agents::{InquiryVerdicts, Verdict};
use base::domain::{
    Assistant, Item, ItemId, Message, Order, PageRequest, Spend, Thread, ThreadStatus,
};

const NEWEST: PageRequest = PageRequest { limit: 1, order: Order::Desc, after: None };

/// The result of letting a request in.
pub(crate) enum Admitted {
    Ready(Box<Ready>),
    /// It was answered before: these facts are sent again.
    Replayed(Vec<Fact>),
}

pub(crate) struct Ready {
    pub(crate) held: HeldThread,
    pub(crate) slot: Option<QueueSlot>,
    pub(crate) started: Started,
    /// What is sent to the model; loaded from the store if `None`.
    pub(crate) transcript: Option<Vec<Message>>,
    /// The text that a new thread is named after; `None` in a thread that exists.
    pub(crate) title: Option<String>,
}

pub(crate) struct Started {
    /// The message that everything is done for: the one that a user would retry (ADR 12).
    pub(crate) root: ItemId,
    /// Everything after this item is deleted, and `entries` are stored in its place.
    pub(crate) rewind_to: Option<ItemId>,
    pub(crate) entries: Vec<Entry>,
    /// The first facts of the stream.
    pub(crate) events: Vec<Fact>,
    pub(crate) choice: Option<String>,
    pub(crate) plan: Plan,
    pub(crate) resumed: ResumedCalls,
    /// The tools approved for the conversation, if there are more now.
    pub(crate) granted: Option<Vec<String>>,
}

/// What is known of calls with which the turn goes on (ADR 38).
#[derive(Debug, Default)]
pub(crate) struct ResumedCalls {
    /// What the person decided, by the ids of the approvals.
    pub(crate) answered: HashMap<String, Verdict>,
    /// The keys of those that were begun.
    pub(crate) begun: HashSet<String>,
    /// What the person answered to their servers (ADR 44).
    pub(crate) replies: InquiryVerdicts,
}

impl ResumedCalls {
    /// Calls that the person began: they need no approval.
    fn of_person(entries: &[Entry]) -> Self {
        let said = entries.iter().filter_map(|entry| match &entry.message {
            Some(Message::Assistant(said)) => Some(&said.calls),
            _ => None,
        });
        let keys = said.flatten().filter_map(|call| call.key.as_ref());
        Self { begun: keys.map(|key| key.as_str().to_owned()).collect(), ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Answer,
    /// The user chose to stop here: one message of ours, no request to the model (ADR 16).
    StopHere,
}

/// How a request enters its thread.
pub(crate) enum StartMode<'a> {
    /// As a new request; with a receipt if it may be repeated.
    Begin(Option<NewReceipt>),
    /// As the continuation of an earlier copy that broke off.
    GoOn(&'a RepeatKey),
}

/// Takes the thread and stores the question. `None` if a copy of the request was faster.
pub(crate) async fn start(
    chat: &ChatContext,
    job: &mut TurnJob,
    mode: StartMode<'_>,
) -> Result<Option<Admitted>, BeginError> {
    if matches!(mode, StartMode::Begin(_)) && job.request.thread().is_none() {
        count_due(chat, job, None).await?;
    }
    // A new thread needs no claim: one write creates it, already leased (ADR 20).
    if let (Ask::Message(message), StartMode::Begin(receipt)) = (&job.request.ask, &mode)
        && message.thread.is_none()
    {
        return begin_thread(chat, job, message, receipt.clone()).await;
    }
    let entered = enter(chat, job).await?;
    match start_in(chat, job, &entered, mode).await {
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
            // Nothing was begun. Without this the next message would wait until the lease
            // expires.
            entered.held.release().await;
            not_started.map(|_| None)
        }
    }
}

async fn start_in(
    chat: &ChatContext,
    job: &mut TurnJob,
    entered: &Entered,
    mode: StartMode<'_>,
) -> Result<Option<Started>, BeginError> {
    // Decided again now that the thread is held: a copy may have been faster (ADR 22).
    let (receipt, goes_on) = match mode {
        StartMode::Begin(receipt) => (receipt, false),
        StartMode::GoOn(repeat) => match resumable(chat, job, repeat).await? {
            Some(receipt) => (Some(receipt), true),
            None => return Ok(None),
        },
    };
    let before = receipt.as_ref().and_then(|receipt| receipt.replaces.as_deref());
    count_due(chat, job, before).await?;
    let started = match &job.request.ask {
        Ask::Message(_) if goes_on => {
            let is_new = receipt.as_ref().is_some_and(|receipt| receipt.is_new);
            message_again(chat, &job.item, is_new, entered).await?
        }
        Ask::Message(message) => add_message(chat, job, message, entered).await?,
        Ask::Retry { item, .. } => try_again(chat, item, entered).await?,
        Ask::Answer { item, .. } if goes_on => answer_again(chat, item, entered).await?,
        Ask::Answer { item, answers, .. } => add_answers(chat, item, answers, entered).await?,
    };
    // One write, so that a refused or overtaken request leaves nothing behind (ADR 22).
    let beginning = Beginning {
        attempt: job.attempt.clone(),
        rewind_to: started.rewind_to.clone(),
        entries: started.entries.clone(),
        receipt,
        granted: started.granted.clone(),
    };
    match chat.store.begin(&entered.held.lease, beginning).await? {
        Begun::Kept => Ok(Some(started)),
        Begun::KeyTaken => Ok(None),
    }
}

async fn begin_thread(
    chat: &ChatContext,
    job: &TurnJob,
    message: &NewMessage,
    receipt: Option<NewReceipt>,
) -> Result<Option<Admitted>, BeginError> {
    let prompt = message.started_prompt(&chat.tools.catalog().content)?;
    // Joined before the thread is stored: the next request in it then waits behind this turn.
    let slot = chat.queues.join(job.owner(), &job.thread, chat.settings.max_waiting);
    let title = match chat.settings.titles {
        Titles::FirstWords => title_of(&message.said()),
        Titles::Model => None,
    };
    let status = ThreadStatus::Active;
    let (id, owner, spent) = (job.thread.clone(), job.owner().clone(), Spend::default());
    let granted = Vec::new();
    let thread = Thread { id, owner, title, created_at: now(), status, spent, granted };
    let (item, entries) = said(job, message, prompt.as_ref());
    let transcript = entries.iter().filter_map(|entry| entry.message.clone()).collect();
    let resumed = ResumedCalls::of_person(&entries);
    let (attempt, rewind_to) = (job.attempt.clone(), None);
    let granted = None;
    let first = Beginning { attempt, rewind_to, entries, receipt, granted };
    let Some(lease) = chat.store.create(&thread, first).await? else { return Ok(None) };
    let started = Started {
        root: job.item.clone(),
        rewind_to: None,
        entries: Vec::new(),
        events: beginning(&thread, true, Some(item)),
        choice: chosen(&message.inference_options),
        plan: Plan::Answer,
        resumed,
        granted: None,
    };
    Ok(Some(Admitted::Ready(Box::new(Ready {
        held: HeldThread::new(chat.store.clone(), &chat.heartbeat, &thread, lease),
        slot,
        started,
        transcript: Some(transcript),
        title: Some(message.said()),
    }))))
}

/// A plain message settles a pending form as well (ADR 13).
async fn add_message(
    chat: &ChatContext,
    job: &TurnJob,
    message: &NewMessage,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let thread = &entered.thread;
    let prompt = message.started_prompt(&chat.tools.catalog().content)?;
    let newest = chat.store.items(&thread.owner, &thread.id, &NEWEST).await?.data.pop();
    let form = newest.filter(|item| waiting(item).is_some());
    if let Some(form) = form.as_ref().filter(|it| approval::is_form(it) || inquiry::is_form(it)) {
        return message_to_waiting_calls(chat, job, (message, prompt.as_ref()), form, entered)
            .await;
    }
    let settled = form.and_then(|item| settled_by(message, job.request.context.abilities, item));
    // The form's entry exists. It keeps its own root: effects belong to that (ADR 12).
    let form = settled.map(|form| {
        let root = form.id.clone();
        Entry { root, item: Some(form), message: None }
    });
    Ok(begun_by_message(job, (message, prompt.as_ref()), entered, form))
}

/// A turn that answers a message, and the form that the message settles.
fn begun_by_message(
    job: &TurnJob,
    (message, prompt): (&NewMessage, Option<&StartedPrompt>),
    entered: &Entered,
    form: Option<Entry>,
) -> Started {
    let (item, entries) = said(job, message, prompt);
    let resumed = ResumedCalls::of_person(&entries);
    let mut events = beginning(&entered.thread, false, Some(item));
    let settled = form.as_ref().and_then(|form| form.item.clone());
    events.extend(settled.map(|form| Fact::ItemReplaced(Box::new(form))));
    Started {
        root: job.item.clone(),
        rewind_to: None,
        entries: form.into_iter().chain(entries).collect(),
        events,
        choice: chosen(&message.inference_options),
        plan: Plan::Answer,
        resumed,
        granted: None,
    }
}

/// A message while calls wait for approval, or for what their servers asked. A plain yes or no is the
/// answer; after anything else the calls are not made (ADR 38, ADR 44).
async fn message_to_waiting_calls(
    chat: &ChatContext,
    job: &TurnJob,
    (message, prompt): (&NewMessage, Option<&StartedPrompt>),
    form: &Item,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let thread = &entered.thread;
    let stored = chat.store.entry(&thread.id, &form.id).await?.ok_or(BeginError::UnknownItem)?;
    let questions = waiting(form).unwrap_or_default();
    // A yes that waited for the turn before was not said to the form of that turn.
    let said = message.said();
    let answers = if inquiry::is_form(form) {
        inquiry::answers_in(&said, questions)
    } else {
        approval::answers_in(&said, questions)
    };
    let Some(answers) = answers.filter(|_| !entered.waited) else {
        let let_go = let_go(chat, form, &stored.root, entered).await?;
        let item = Some(settled(form.clone(), &skip()));
        let form = Entry { root: stored.root, item, message: let_go };
        return Ok(begun_by_message(job, (message, prompt), entered, Some(form)));
    };
    let form = settled(form.clone(), &answers);
    let mut begun = begun_by_message(job, (message, None), entered, None);
    begun.events.push(Fact::ItemReplaced(Box::new(form.clone())));
    // An answer like one to the form: it belongs to the message that the form was shown for, and
    // nothing may come between the calls and their results.
    let root = stored.root;
    for entry in &mut begun.entries {
        (entry.root, entry.message) = (root.clone(), None);
    }
    let answered = answered(chat, root.clone(), form.clone(), entered).await?;
    begun.entries.insert(0, Entry { root, item: Some(form), message: None });
    Ok(Started { entries: begun.entries, events: begun.events, ..answered })
}

/// Results of the calls behind a form that was not answered. Those that wait in this process are given
/// up.
async fn let_go(
    chat: &ChatContext,
    form: &Item,
    root: &ItemId,
    entered: &Entered,
) -> Result<Option<Message>, BeginError> {
    let turn = chat.store.turn(&entered.thread.id, root).await?;
    let items = turn.iter().filter_map(|entry| entry.item.as_ref());
    let calls = inquiry::waiting_behind(&form.id, items);
    let transcript: Vec<_> = turn.iter().filter_map(|entry| entry.message.clone()).collect();
    if !inquiry::is_form(form) {
        return Ok(approval::let_go(&transcript));
    }
    calls
        .iter()
        .filter_map(|it| it.inquiry.continuation.ticket())
        .for_each(|it| chat.tools.give_up(it));
    Ok(inquiry::let_go(&transcript, &calls))
}

/// A message that an earlier copy of the request has stored.
async fn message_again(
    chat: &ChatContext,
    item: &ItemId,
    is_new: bool,
    entered: &Entered,
) -> Result<Started, BeginError> {
    let again = try_again(chat, item, entered).await?;
    let said = chat.store.item(&entered.thread.id, item).await?;
    Ok(Started { events: beginning(&entered.thread, is_new, said), ..again })
}

/// A message as the user sees it, and as it is stored: with the call that reads the prompt, if it
/// starts one. The turn goes on with that call (ADR 45).
fn said(job: &TurnJob, message: &NewMessage, prompt: Option<&StartedPrompt>) -> (Item, Vec<Entry>) {
    let item = message.item(job.item.clone(), &job.thread);
    let entry = |item, message| Entry { root: job.item.clone(), item, message: Some(message) };
    let mut said = message.message();
    if let (Some(prompt), Message::User { text }) = (prompt, &mut said) {
        text.push('\n');
        text.push_str(&prompt.note());
    }
    let call =
        prompt.map(|prompt| Assistant { calls: vec![prompt.call()], ..Assistant::default() });
    let call = call.map(|call| entry(None, Message::Assistant(call)));
    let entries = [entry(Some(item.clone()), said)].into_iter().chain(call).collect();
    (item, entries)
}

fn settled_by(message: &NewMessage, abilities: Abilities, item: Item) -> Option<Item> {
    let questions = waiting(&item)?;
    let words = message.said();
    // Without forms a reply that names an option is the answer (ADR 13).
    let answers = if abilities.forms { skip() } else { answers_in(&words, questions) };
    Some(settled(item, &answers))
}

/// The facts that every stream begins with. A new thread is announced without a title; one made of
/// its first words follows at once (ADR 20).
pub(crate) fn beginning(thread: &Thread, is_new: bool, first: Option<Item>) -> Vec<Fact> {
    let nameless = || Thread { title: None, ..thread.clone() };
    let created = is_new.then(|| Fact::ThreadCreated(Box::new(nameless())));
    let echo = first.map(|item| Fact::ItemKept(Box::new(item)));
    let is_named = is_new && thread.title.is_some();
    let named = is_named.then(|| Fact::ThreadUpdated(Box::new(thread.clone())));
    created.into_iter().chain(echo).chain([Fact::Stoppable]).chain(named).collect()
}
