//! What happens in a thread while a turn runs: free of any wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Cost, Item, ItemContent, ItemId, Outcome, Spend, Task, TaskContent, Thread, ThreadId,
};

/// What an event takes beside its words, about.
const FRAME: usize = 200;

/// Something a listener of a turn hears. Small, because many wait in every turn's queue.
#[derive(Clone, Debug, PartialEq)]
pub enum ThreadEvent {
    /// A thread began.
    ThreadCreated(Box<Thread>),
    /// A thread's title or status changed.
    ThreadUpdated(Box<Thread>),
    /// The turn can be stopped by leaving.
    Stoppable,
    /// Something worth knowing, not kept.
    Notice {
        /// How grave it is.
        level: Level,
        /// Markdown.
        message: String,
    },
    /// An item began; it is not kept yet.
    ItemAdded(Box<Item>),
    /// An item grew.
    ItemUpdated {
        /// Which.
        item: ItemId,
        /// How.
        update: ItemUpdate,
    },
    /// An item is whole and kept.
    ItemDone(Box<Item>),
    /// An item that was whole is another one now.
    ItemReplaced(Box<Item>),
    /// What is being done, for the moment.
    Progress(String),
    /// The turn is over; always the last event.
    Ended(Box<TurnEnd>),
}

impl ThreadEvent {
    /// Takes in text that goes on where this one stops; gives back anything else.
    pub(super) fn absorb(&mut self, more: Self) -> Option<Self> {
        match (self, more) {
            (
                Self::ItemUpdated { item, update: ItemUpdate::TextDelta(text) },
                Self::ItemUpdated { item: same, update: ItemUpdate::TextDelta(more) },
            ) if *item == same => {
                text.push_str(&more);
                None
            }
            (_, more) => Some(more),
        }
    }

    /// The text of one that may still grow.
    pub(super) fn text(&self) -> Option<&str> {
        let Self::ItemUpdated { update: ItemUpdate::TextDelta(text), .. } = self else {
            return None;
        };
        Some(text)
    }

    /// What of it came behind so many bytes of its text.
    pub(super) fn since(&self, byte: usize) -> Option<Self> {
        let Self::ItemUpdated { item, update: ItemUpdate::TextDelta(text) } = self else {
            return Some(self.clone());
        };
        let more = text.get(byte..).filter(|more| !more.is_empty())?;
        let (item, update) = (item.clone(), ItemUpdate::TextDelta(more.to_owned()));
        Some(Self::ItemUpdated { item, update })
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        FRAME
            + match self {
                Self::ItemUpdated { update, .. } => update.weight(),
                Self::ItemAdded(item) | Self::ItemDone(item) | Self::ItemReplaced(item) => {
                    weight_of(item)
                }
                Self::Notice { message, .. } => message.len(),
                Self::Ended(end) => end.weight(),
                Self::ThreadCreated(_)
                | Self::ThreadUpdated(_)
                | Self::Stoppable
                | Self::Progress(_) => 0,
            }
    }
}

impl ItemUpdate {
    fn weight(&self) -> usize {
        match self {
            Self::TextBegun => 0,
            Self::TextDelta(text) => text.len(),
            Self::TaskAdded(_, task) | Self::TaskUpdated(_, task) => weight_of_task(task),
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

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is missing.
    Warning,
}

/// How an item grew.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemUpdate {
    /// A message got its (empty) text.
    TextBegun,
    /// A message's text got longer.
    TextDelta(String),
    /// A workflow got a step.
    TaskAdded(usize, Box<Task>),
    /// A workflow's step changed.
    TaskUpdated(usize, Box<Task>),
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
    fn weight(&self) -> usize {
        let calls = self.tool_calls.iter().map(|call| call.arguments.len() + call.result.len());
        self.text.len() + calls.sum::<usize>()
    }

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
