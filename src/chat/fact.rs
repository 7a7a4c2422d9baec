//! What happens in a thread while a turn runs: facts, free of any wire.
//!
//! A wire writes its frames from these alone, and what is kept of a turn is made of them by the
//! same [`super::Projection`] (ADR 8, ADR 24).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    CallId, Cost, Item, ItemContent, ItemId, Outcome, Spend, Task, TaskContent, Thread, ThreadId,
    ToolCall,
};

/// What a fact takes beside its words, about.
const FRAME: usize = 200;

/// Something that happened in a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A thread began.
    ThreadCreated(Box<Thread>),
    /// A thread's title or status changed.
    ThreadUpdated(Box<Thread>),
    /// The turn can be stopped by leaving.
    Stoppable,
    /// The turn waits until the one before it in its thread is over.
    Waiting,
    /// Something worth knowing, not kept.
    Notice {
        /// How grave it is.
        level: Level,
        /// Markdown.
        message: String,
    },
    /// The agent begins to answer.
    RunStarted(Box<RunStart>),
    /// The model begins to think.
    ThoughtStarted(Box<Start>),
    /// The thought that began last goes on.
    Thought(String),
    /// The model begins to speak.
    MessageStarted(Box<Start>),
    /// The message that began last goes on.
    Text(String),
    /// A tool is about to run.
    ToolStarted(Box<ToolStart>),
    /// A tool says how far it is.
    ToolProgress {
        /// Which call.
        call: CallId,
        /// In its own words, shortened.
        words: String,
    },
    /// A tool has run, or was refused.
    ToolFinished(Box<ToolEnd>),
    /// A reply of the model is over, and has cost so much.
    Usage(Box<Spend>),
    /// An item is whole and kept; of one that grew, this is what became of it. Questions to the
    /// person come like this.
    ItemKept(Box<Item>),
    /// An item that was whole is another one now.
    ItemReplaced(Box<Item>),
    /// The turn is over. Only a title that was found afterwards may follow.
    Ended(Box<TurnEnd>),
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is missing.
    Warning,
}

/// The beginning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    /// In which thread.
    pub thread: ThreadId,
    /// The item that is answered.
    pub turn: ItemId,
    /// Whose tools are on offer.
    pub servers: Vec<Arc<str>>,
}

/// The beginning of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The item's id, from now to its last listing.
    pub item: ItemId,
    /// When it began.
    pub at: Timestamp,
}

/// The beginning of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolStart {
    /// The item that shows it, which may show calls before it as well.
    pub item: ItemId,
    /// When it began.
    pub at: Timestamp,
    /// The call; the tool's name is clean, its arguments are as the model wrote them.
    pub call: ToolCall,
    /// The server that runs it, if the tool exists.
    pub server: Option<Arc<str>>,
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolEnd {
    /// Which call.
    pub call: CallId,
    /// The answer, or why there is none.
    pub output: String,
    /// Whether it failed or was refused.
    pub is_error: bool,
}

impl Fact {
    /// Takes in text that goes on where this one stops; gives back anything else.
    pub(super) fn grow(&mut self, more: Self) -> Option<Self> {
        match (self, more) {
            (Self::Text(text), Self::Text(more)) | (Self::Thought(text), Self::Thought(more)) => {
                text.push_str(&more);
                None
            }
            (_, more) => Some(more),
        }
    }

    /// Takes in what makes this one old; gives back anything else. Only for what nobody has read.
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

    /// The text of one that may still grow.
    pub(super) fn text(&self) -> Option<&str> {
        let (Self::Text(text) | Self::Thought(text)) = self else { return None };
        Some(text)
    }

    /// What of it came behind so many bytes of its text.
    pub(super) fn since(&self, byte: usize) -> Option<Self> {
        let Some(text) = self.text() else { return Some(self.clone()) };
        let more = text.get(byte..).filter(|more| !more.is_empty())?.to_owned();
        let is_thought = matches!(self, Self::Thought(_));
        Some(if is_thought { Self::Thought(more) } else { Self::Text(more) })
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        FRAME
            + match self {
                Self::Text(text) | Self::Thought(text) => text.len(),
                Self::Notice { message: words, .. } | Self::ToolProgress { words, .. } => {
                    words.len()
                }
                Self::ToolStarted(start) => start.call.arguments.len(),
                Self::ToolFinished(end) => end.output.len(),
                Self::ItemKept(item) | Self::ItemReplaced(item) => weight_of(item),
                // Nothing is forgotten for the end: it is the last, and what no reader may miss.
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
        ItemContent::UserMessage { .. }
        | ItemContent::Task { .. }
        | ItemContent::StructuredInput { .. }
        | ItemContent::ClientToolCall { .. }
        | ItemContent::Widget { .. }
        | ItemContent::GeneratedImage { .. }
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
    /// Where.
    pub thread: ThreadId,
    /// How.
    pub outcome: Outcome,
    /// What the person is told unless the turn succeeded.
    pub told: Option<String>,
    /// All text shown, rounds parted by a blank line.
    pub text: String,
    /// All calls, in the order in which they ended.
    pub tool_calls: Vec<ToolRecord>,
    /// What it cost.
    #[serde(alias = "usage")]
    pub spend: Spend,
    /// What the thread has cost with it, if there is a thread.
    #[serde(default)]
    pub thread_spend: Option<Spend>,
}

impl TurnEnd {
    /// The one line that closes a turn.
    pub(super) fn log(&self, steps: u32, took: Duration) {
        tracing::info!(
            outcome = self.outcome.as_str(),
            steps,
            tool_calls = self.tool_calls.len(),
            input_tokens = self.spend.usage.input_tokens,
            cached_tokens = self.spend.usage.cached_tokens,
            output_tokens = self.spend.usage.output_tokens,
            thinking_tokens = self.spend.usage.thinking_tokens,
            cost_usd = self.spend.whole_cost().map(Cost::usd),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "Turn ended"
        );
    }
}

/// A call and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRecord {
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
    /// Whether it failed or was refused.
    pub is_error: bool,
    /// The answer.
    pub result: String,
}
