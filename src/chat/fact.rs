//! What happens in a thread while a turn runs: facts, independent of any wire format.
//!
//! A wire writes its frames from these alone. What is stored of a turn is built from them by the
//! same [`super::Projection`] (ADR 8, ADR 24).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::forms::approval::Confirmation;
use base::domain::{
    CallId, Cost, Item, ItemContent, ItemId, Outcome, SignInOffer, Spend, Task, TaskContent,
    Thread, ThreadId, ToolCall,
};

/// Approximate size of a fact in bytes, its text not counted.
const FRAME: usize = 200;

#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    ThreadCreated(Box<Thread>),
    ThreadUpdated(Box<Thread>),
    /// From now on a reader can stop the turn by leaving.
    Stoppable,
    /// The turn waits for the one before it in its thread.
    Waiting,
    /// Shown to the user, not stored.
    Notice {
        level: Level,
        /// Markdown.
        message: String,
    },
    RunStarted(Box<RunStart>),
    /// The model begins a thought.
    ThoughtStarted(Box<Start>),
    /// More text of the thought that began last.
    Thought(String),
    /// The model begins a message.
    MessageStarted(Box<Start>),
    /// More text of the message that began last.
    Text(String),
    /// A tool is about to be called.
    ToolStarted(Box<ToolStart>),
    ToolProgress {
        call: CallId,
        /// The tool's own words, shortened.
        words: String,
    },
    /// A tool has answered, or the call was refused.
    ToolFinished(Box<ToolEnd>),
    /// The cost of one request to the model, also of one that failed.
    Usage(Box<Spend>),
    /// An item is complete and stored; if it grew, this is its final form. Questions to the user
    /// come only like this.
    ItemKept(Box<Item>),
    /// A stored item has new content.
    ItemReplaced(Box<Item>),
    /// The turn is over. Only a thread's title may follow.
    Ended(Box<TurnEnd>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    /// Something does not work as the user expects.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    pub thread: ThreadId,
    /// The message that is answered.
    pub turn: ItemId,
    /// The servers whose tools are offered.
    pub servers: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The item's id while it grows, in the store and in lists.
    pub item: ItemId,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolStart {
    /// The item that shows the call; it may show earlier calls too.
    pub item: ItemId,
    pub at: Timestamp,
    /// The name is cleaned; the arguments are as the model wrote them.
    pub call: ToolCall,
    /// The server that runs it; `None` if the tool does not exist.
    pub server: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolEnd {
    pub call: CallId,
    /// The answer, or why there is none.
    pub output: String,
    pub is_error: bool,
    /// Markdown: links and other content of the answer that is shown with the step.
    pub beside: Option<String>,
}

impl Fact {
    /// Appends text that continues this one; returns any other fact.
    pub(super) fn grow(&mut self, more: Self) -> Option<Self> {
        match (self, more) {
            (Self::Text(text), Self::Text(more)) | (Self::Thought(text), Self::Thought(more)) => {
                text.push_str(&more);
                None
            }
            (_, more) => Some(more),
        }
    }

    /// Replaces this fact by a newer one of the same kind; returns any other fact. Only for facts
    /// that no reader has read.
    pub(super) fn renew(&mut self, newer: Self) -> Option<Self> {
        match (self, newer) {
            (
                Self::ToolProgress { call, words },
                Self::ToolProgress { call: same, words: newer },
            ) if *call == same => {
                *words = newer;
                None
            }
            (_, newer) => Some(newer),
        }
    }

    /// The text of a fact that may still grow.
    pub(super) fn text(&self) -> Option<&str> {
        let (Self::Text(text) | Self::Thought(text)) = self else { return None };
        Some(text)
    }

    /// The part of the fact behind `byte` bytes of its text; `None` if there is none.
    pub(super) fn since(&self, byte: usize) -> Option<Self> {
        let Some(text) = self.text() else { return Some(self.clone()) };
        let more = text.get(byte..).filter(|more| !more.is_empty())?.to_owned();
        let is_thought = matches!(self, Self::Thought(_));
        Some(if is_thought { Self::Thought(more) } else { Self::Text(more) })
    }

    /// Approximate size in bytes, for the limit of the log.
    pub(super) fn weight(&self) -> usize {
        FRAME
            + match self {
                Self::Text(text) | Self::Thought(text) => text.len(),
                Self::Notice { message: words, .. } | Self::ToolProgress { words, .. } => {
                    words.len()
                }
                Self::ToolStarted(start) => start.call.arguments.len(),
                Self::ToolFinished(end) => {
                    end.output.len() + end.beside.as_ref().map_or(0, String::len)
                }
                Self::ItemKept(item) | Self::ItemReplaced(item) => weight_of(item),
                // Nothing is dropped to make room for the end, which no reader may miss (ADR 24).
                Self::Ended(_)
                | Self::ThreadCreated(_)
                | Self::ThreadUpdated(_)
                | Self::Stoppable
                | Self::Waiting
                | Self::RunStarted(_)
                | Self::ThoughtStarted(_)
                | Self::MessageStarted(_)
                | Self::Usage(_) => 0,
            }
    }
}

fn weight_of(item: &Item) -> usize {
    match &item.content {
        ItemContent::AssistantMessage { content } => content.iter().map(|it| it.text.len()).sum(),
        ItemContent::Workflow { workflow } => workflow.tasks.iter().map(weight_of_task).sum(),
        ItemContent::GeneratedImage { image } => image.as_ref().map_or(0, |it| it.url.len()),
        ItemContent::UserMessage { .. }
        | ItemContent::Task { .. }
        | ItemContent::StructuredInput { .. }
        | ItemContent::ClientToolCall { .. }
        | ItemContent::Widget { .. }
        | ItemContent::EndOfTurn {}
        | ItemContent::HiddenContextItem { .. }
        | ItemContent::SdkHiddenContext { .. } => 0,
    }
}

fn weight_of_task(task: &Task) -> usize {
    let words = match &task.content {
        TaskContent::Custom { content, .. } => content.as_ref().map_or(0, String::len),
        TaskContent::Thought { content, .. } => content.len(),
        TaskContent::WebSearch { .. } | TaskContent::File { .. } | TaskContent::Image { .. } => 0,
    };
    FRAME + words
}

/// How a turn ended, and what it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnEnd {
    pub thread: ThreadId,
    pub outcome: Outcome,
    /// The sentence for the user; `None` if the turn succeeded.
    pub told: Option<String>,
    /// All text that was shown, a blank line between rounds.
    pub text: String,
    /// In the order in which they ended.
    pub tool_calls: Vec<ToolRecord>,
    /// The cost of this turn.
    #[serde(alias = "usage")]
    pub spend: Spend,
    /// The total of the thread, this turn included; `None` if there is no thread.
    #[serde(default)]
    pub thread_spend: Option<Spend>,
    /// The calls that wait for the person's approval; `None` if there are none.
    #[serde(default)]
    pub confirmation: Option<Box<Confirmation>>,
    /// The servers at which the person has to sign in, once each.
    #[serde(default)]
    pub sign_ins: Vec<SignInOffer>,
}

impl TurnEnd {
    /// Writes the one closing line of a turn (ADR 4).
    pub(super) fn log(&self, steps: u32, took: Duration) {
        tracing::info!(
            outcome = self.outcome.as_str(),
            steps,
            tool_calls = self.tool_calls.len(),
            input_tokens = self.spend.usage.input_tokens,
            cached_tokens = self.spend.usage.cached_tokens,
            output_tokens = self.spend.usage.output_tokens,
            thinking_tokens = self.spend.usage.thinking_tokens,
            // The cost is absent if one request's is unknown: a part would look like the whole
            // (ADR 16).
            cost_usd = self.spend.whole_cost().map(Cost::usd),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "Turn ended"
        );
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRecord {
    pub name: String,
    /// As the model wrote them.
    pub arguments: String,
    pub is_error: bool,
    pub result: String,
}
