//! Requests that begin a turn, checked and ready. `api` makes them; no wire format is known here.

pub(super) mod choice;
pub(super) mod job;
pub(super) mod prompt_start;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use self::prompt_start::{PromptRefusal, PromptStart, StartedPrompt, prompt_in};
use base::domain::{
    Answers, Caller, Item, ItemContent, ItemId, Message, ServerContent, ThreadId, UserContent,
};

#[derive(Clone, Debug)]
pub struct TurnRequest {
    pub ask: Ask,
    pub context: RequestContext,
}

/// What is known of a request besides what it asks: read in `api`, passed on to the end.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub caller: Caller,
    /// The id of the HTTP request, for the log and for error messages.
    pub request_id: String,
    /// What identifies the request, if it may be repeated.
    pub repeat: Option<RepeatKey>,
    /// The user's zone, which defines "tomorrow"; `None` means the server's.
    pub time_zone: Option<TimeZone>,
    pub abilities: Abilities,
    pub on_leave: OnLeave,
}

/// What the front end can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It shows questions as forms. Otherwise they are text, and a message that names an option is
    /// the answer.
    pub forms: bool,
}

/// What happens when the last reader of a turn has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLeave {
    /// The turn is cancelled in an orderly way.
    Cancel,
    /// The turn finishes.
    Finish,
}

#[derive(Clone, Debug)]
pub enum Ask {
    /// To answer a new message.
    Message(NewMessage),
    /// To answer a message of the thread again, and to delete what came after it.
    Retry { thread: ThreadId, item: ItemId },
    /// To continue with the answers to a form.
    Answer {
        thread: ThreadId,
        /// The form.
        item: ItemId,
        answers: Answers,
    },
}

#[derive(Clone, Debug)]
pub struct NewMessage {
    /// `None` begins a new thread.
    pub thread: Option<ThreadId>,
    /// Cleaned and within the limits.
    pub content: Vec<UserContent>,
    /// The text that the user points at, cleaned and within the limits.
    pub quoted_text: Option<String>,
    /// The user's options for this message, such as the model.
    pub inference_options: Map<String, Value>,
    /// A prompt that it starts, if the front end names one. A text that begins with a slash may start
    /// one as well.
    pub prompt: Option<PromptStart>,
}

/// What identifies a request that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatKey {
    /// The same for every copy of the request.
    pub key: String,
    pub body: String,
    pub window: RepeatWindow,
}

/// How long a repeated request counts as a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatWindow {
    /// While its turn runs, and shortly after a cut: the client did not mean to ask twice.
    Turn,
    /// For a day: the client sent a key of its own.
    Day,
}

impl TurnRequest {
    /// The thread it is about, if that exists.
    pub(super) fn thread(&self) -> Option<&ThreadId> {
        match &self.ask {
            Ask::Message(message) => message.thread.as_ref(),
            Ask::Retry { thread, .. } | Ask::Answer { thread, .. } => Some(thread),
        }
    }

    /// The item it is about, if that exists.
    pub(super) fn item(&self) -> Option<&ItemId> {
        match &self.ask {
            Ask::Message(_) => None,
            Ask::Retry { item, .. } | Ask::Answer { item, .. } => Some(item),
        }
    }
}

impl NewMessage {
    /// The message as the user sees it.
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

    /// The message as the model sees it.
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

    /// The prompt that it starts, if it starts one (ADR 45).
    pub(super) fn started_prompt(
        &self,
        content: &[ServerContent],
    ) -> Result<Option<StartedPrompt>, PromptRefusal> {
        match &self.prompt {
            Some(prompt) => prompt.find(content).map(Some),
            None => prompt_in(&self.said(), content),
        }
    }

    /// The text alone, without what it quotes.
    pub(super) fn said(&self) -> String {
        let said = self.content.iter().map(|part| match part {
            UserContent::InputText { text } | UserContent::InputTag { text, .. } => text.as_str(),
        });
        said.collect()
    }
}

/// The model chosen in a message's options; an empty name is no choice (ADR 17).
pub(super) fn chosen(options: &Map<String, Value>) -> Option<String> {
    let id = options.get("model").and_then(Value::as_str);
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The time to the microsecond, which is what the databases store.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
