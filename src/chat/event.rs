//! What happens in a thread while a turn runs: free of any wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Cost, Item, ItemId, Outcome, Spend, Task, Thread, ThreadId};

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
