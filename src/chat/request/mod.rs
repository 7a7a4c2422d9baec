//! What people ask a conversation for, checked and ready.

pub(super) mod choice;
pub(super) mod job;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::domain::{Answers, Caller, Item, ItemContent, ItemId, Message, ThreadId, UserContent};

/// A request that begins a turn.
#[derive(Clone, Debug)]
pub struct TurnRequest {
    /// What is asked.
    pub ask: Ask,
    /// All else that is known of it.
    pub context: RequestContext,
}

/// What is known of a request beside what it asks: read at the door, handed on all the way.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// The HTTP request it came with, for the log and for error messages.
    pub request_id: String,
    /// What tells this request from another, if it may come twice.
    pub repeat: Option<RepeatKey>,
    /// Where the person is; decides what "tomorrow" means.
    pub time_zone: Option<TimeZone>,
    /// What the front end can do.
    pub abilities: Abilities,
    /// What becomes of the turn once nobody reads it any more.
    pub on_leave: OnLeave,
}

/// What a front end can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It shows questions as forms; without, they are text, and a message that names an option is
    /// the answer.
    pub forms: bool,
}

/// What becomes of a turn once nobody reads it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLeave {
    /// It is cancelled in order.
    Cancel,
    /// It goes on to its end.
    Finish,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// To answer a message.
    Message(NewMessage),
    /// To answer a message of the thread once more, and to forget what came after it.
    Retry {
        /// Where.
        thread: ThreadId,
        /// Which.
        item: ItemId,
    },
    /// To go on with these answers.
    Answer {
        /// Where.
        thread: ThreadId,
        /// The questions.
        item: ItemId,
        /// The answers.
        answers: Answers,
    },
}

/// A message of the person.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The thread it goes on, or none for a new one.
    pub thread: Option<ThreadId>,
    /// Its parts, cleaned and within the limits.
    pub content: Vec<UserContent>,
    /// What the person points at, cleaned and within the limits.
    pub quoted_text: Option<String>,
    /// What the person chose for this message.
    pub inference_options: Map<String, Value>,
}

/// What tells a request from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatKey {
    /// The same for every copy of the request.
    pub key: String,
    /// A digest of the body.
    pub body: String,
    /// How long a copy is a copy.
    pub window: RepeatWindow,
}

/// How long a copy of a request is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatWindow {
    /// While its turn runs, and for a moment after it was cut: the client did not mean to ask twice.
    Turn,
    /// For a day: the client said so itself.
    Day,
}

impl TurnRequest {
    /// The thread it is about, if it is there already.
    pub(super) fn thread(&self) -> Option<&ThreadId> {
        match &self.ask {
            Ask::Message(message) => message.thread.as_ref(),
            Ask::Retry { thread, .. } | Ask::Answer { thread, .. } => Some(thread),
        }
    }

    /// The item it is about, if that is there already.
    pub(super) fn item(&self) -> Option<&ItemId> {
        match &self.ask {
            Ask::Message(_) => None,
            Ask::Retry { item, .. } | Ask::Answer { item, .. } => Some(item),
        }
    }
}

impl NewMessage {
    /// As the user sees it.
    pub(super) fn item(&self, id: ItemId, thread: &ThreadId) -> Item {
        Item {
            id,
            thread_id: thread.clone(),
            created_at: now(),
            content: ItemContent::UserMessage {
                content: self.content.clone(),
                attachments: Vec::new(),
                quoted_text: self.quoted_text.clone(),
                inference_options: self.inference_options.clone(),
            },
        }
    }

    /// As the model sees it.
    pub(super) fn message(&self) -> Message {
        let said = self.said();
        let text = match self.quoted_text.as_deref() {
            Some(quoted) if !quoted.is_empty() => {
                format!("[The user points at these words:]\n{quoted}\n[The user says:]\n{said}")
            }
            _ => said,
        };
        Message::User { text }
    }

    /// The words alone.
    pub(super) fn said(&self) -> String {
        let said = self.content.iter().map(|part| match part {
            UserContent::InputText { text } | UserContent::InputTag { text, .. } => text.as_str(),
        });
        said.collect()
    }
}

/// The model chosen in a message's options; no name is no choice.
pub(super) fn chosen(options: &Map<String, Value>) -> Option<String> {
    let id = options.get("model").and_then(Value::as_str);
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The time to the microsecond, which is what the databases keep.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
