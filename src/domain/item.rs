//! What the user sees of a conversation, entry by entry.
//!
//! The vocabulary and the JSON are ChatKit's, on purpose: an item is stored in
//! the very bytes in which it is streamed and listed (`specs/adr/0008-items.md`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Annotation, AnswerStatus, CallId, ItemId, Question, Task, ThreadId, Workflow};

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
    /// A single step.
    Task {
        /// The step.
        task: Task,
    },
    /// Questions to the person.
    StructuredInput {
        /// Whether they are answered.
        status: AnswerStatus,
        /// The questions.
        inputs: Vec<Question>,
    },
    /// A call of something that the front end does.
    ClientToolCall {
        /// Whether it is answered.
        status: CallStatus,
        /// Ties the answer to the call.
        call_id: CallId,
        /// What is called.
        name: String,
        /// With what.
        arguments: Map<String, Value>,
        /// The answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
    },
    /// A part of a page.
    Widget {
        /// As the front end's library defines it.
        widget: Value,
        /// What copying it copies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copy_text: Option<String>,
    },
    /// A picture.
    GeneratedImage {
        /// The picture, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<Picture>,
    },
    /// A hint that the turn is over.
    EndOfTurn {},
    /// Something that only the model knows; it never leaves the server.
    HiddenContextItem {
        /// What.
        content: Value,
    },
    /// The same, written by the server.
    SdkHiddenContext {
        /// What.
        content: String,
    },
}

/// Whether the front end has answered a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Not yet.
    Pending,
    /// It has.
    Completed,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its name.
    pub id: String,
    /// Where it is.
    pub url: String,
}

impl Item {
    /// Whether it is the model's words.
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
    /// Where the words come from.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
    /// Markdown.
    pub text: String,
}
