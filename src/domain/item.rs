//! What the user sees of a conversation, entry by entry.
//!
//! The vocabulary and the JSON are ChatKit's, on purpose: an item is stored in
//! the very bytes in which it is streamed and listed (`specs/adr/0008-items.md`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ItemId, ThreadId};

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, the same from the first event to the last listing.
    pub id: ItemId,
    /// Where it belongs.
    pub thread_id: ThreadId,
    /// When it began, to the microsecond.
    pub created_at: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub content: ItemContent,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemContent {
    /// The user spoke.
    UserMessage {
        /// The words, in parts.
        content: Vec<UserContent>,
        /// Files sent along; none are taken yet.
        attachments: Vec<Value>,
        /// Words of the conversation that the user points at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted_text: Option<String>,
        /// What the user chose for this message.
        inference_options: Map<String, Value>,
    },
    /// The model spoke.
    AssistantMessage {
        /// The words, in parts.
        content: Vec<OutputText>,
    },
    /// Thinking or tool calls.
    Workflow {
        /// The steps.
        workflow: Workflow,
    },
}

/// One part of a user's message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum UserContent {
    /// Plain words.
    InputText {
        /// The words.
        text: String,
    },
    /// A mention of something the front end knows.
    InputTag {
        /// The thing's id.
        id: String,
        /// The words shown.
        text: String,
        /// What the front end says of the thing.
        #[serde(default)]
        data: Map<String, Value>,
        /// The group it was picked from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Whether it can be clicked.
        #[serde(default)]
        interactive: bool,
    },
}

/// One part of the model's message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "output_text")]
pub struct OutputText {
    /// Sources; none are given yet.
    pub annotations: Vec<Value>,
    /// Markdown.
    pub text: String,
}

/// Steps shown while the model thinks or works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Thinking or working.
    #[serde(rename = "type")]
    pub kind: WorkflowKind,
    /// The steps.
    pub tasks: Vec<Task>,
    /// Present once the workflow is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Whether the front end shows it opened.
    pub expanded: bool,
}

/// What a workflow shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowKind {
    /// Tool calls.
    Custom,
    /// Thoughts.
    Reasoning,
}

/// How long a workflow took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// In seconds.
    pub duration: u64,
}

/// One step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Task {
    /// A tool call.
    Custom {
        /// Whether it is done.
        status_indicator: TaskStatus,
        /// What is being done.
        title: String,
        /// A name of the front end's closed list.
        icon: String,
        /// Markdown; here, why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
    },
    /// A thought.
    Thought {
        /// Whether it is done.
        status_indicator: TaskStatus,
        /// The thought so far.
        content: String,
    },
}

/// Whether a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not said.
    None,
    /// Under way.
    Loading,
    /// Over.
    Complete,
}
