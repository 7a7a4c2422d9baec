//! What the user sees of a conversation, item by item.
//!
//! Terms and JSON are ChatKit's on purpose: an item is stored in exactly the bytes in which it is
//! streamed and listed (ADR 8). A changed member needs a migration of stored items.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Annotation, AnswerStatus, CallId, ItemId, Question, Task, ThreadId, Workflow};

/// One entry of a conversation, as the user sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The same while it grows, in the store and in lists.
    pub id: ItemId,
    pub thread_id: ThreadId,
    /// When it began, to the microsecond.
    pub created_at: Timestamp,
    #[serde(flatten)]
    pub content: ItemContent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemContent {
    UserMessage {
        content: Vec<UserContent>,
        /// None are accepted yet.
        attachments: Vec<Value>,
        /// Text of the conversation that the user points at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted_text: Option<String>,
        inference_options: Map<String, Value>,
    },
    AssistantMessage {
        content: Vec<OutputText>,
    },
    /// Thoughts, or calls of tools.
    Workflow {
        workflow: Workflow,
    },
    Task {
        task: Task,
    },
    /// Questions to the user.
    StructuredInput {
        status: AnswerStatus,
        inputs: Vec<Question>,
    },
    /// A call of a tool that the front end runs.
    ClientToolCall {
        status: CallStatus,
        /// Connects the answer with the call.
        call_id: CallId,
        name: String,
        arguments: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
    },
    /// A part of a page, drawn by the front end.
    Widget {
        /// As ChatKit's widgets define it.
        widget: Value,
        /// The text that the user gets when copying it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copy_text: Option<String>,
    },
    GeneratedImage {
        /// Absent until it is there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<Picture>,
    },
    /// Marks the end of a turn.
    EndOfTurn {},
    /// For the model only; it never leaves the server.
    HiddenContextItem {
        content: Value,
    },
    /// The same, written by the server.
    SdkHiddenContext {
        content: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    Pending,
    Completed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub id: String,
    pub url: String,
}

impl Item {
    /// Whether it is a message of the model.
    pub const fn is_message(&self) -> bool {
        matches!(self.content, ItemContent::AssistantMessage { .. })
    }

    /// Whether it must never leave the server.
    pub const fn is_hidden(&self) -> bool {
        matches!(
            self.content,
            ItemContent::HiddenContextItem { .. } | ItemContent::SdkHiddenContext { .. }
        )
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum UserContent {
    InputText {
        text: String,
    },
    /// A mention of something that the front end knows.
    InputTag {
        id: String,
        /// The text that is shown.
        text: String,
        /// What the front end knows about it; passed through unread.
        #[serde(default)]
        data: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Whether it can be clicked.
        #[serde(default)]
        interactive: bool,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "output_text")]
pub struct OutputText {
    /// The sources of the text.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
    /// Markdown.
    pub text: String,
}
