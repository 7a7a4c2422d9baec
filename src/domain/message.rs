//! What the user, the model and the tools say to each other: the transcript.
//!
//! It is kept beside the items that the user sees, because the model needs
//! more than they show: calls, results and the provider's own extras.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CallId, CallKey, ToolId};

/// One entry of the transcript shown to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// The user's words.
    User {
        /// What was said.
        text: String,
    },
    /// The model's words and calls.
    Assistant(Assistant),
    /// The answers to every call of the assistant message before it.
    Tools {
        /// One result per call, in the order of the calls.
        results: Vec<ToolResult>,
    },
    /// A remark of ours that only the model sees.
    Note {
        /// What the model should know.
        text: String,
    },
}

/// What the model said in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assistant {
    /// Text for the user; may be empty when there are calls.
    pub text: String,
    /// Tools the model wants called before it goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// What the provider attached to the text, echoed back unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
    /// The provider that said it, by dialect and host (`gemini@example.org`): extras mean something
    /// to their own provider alone. Older messages have the name of a fallback, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A tool the model wants called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ties the result to the call.
    pub id: CallId,
    /// Which tool, as the model wrote it.
    pub name: String,
    /// Which tool that was when the call was written; unknown for a name that nobody knew, a tool
    /// of our own, and calls kept by earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolId>,
    /// The arguments as the model wrote them; meant to be one JSON object.
    pub arguments: String,
    /// What the provider attached to the call (a thought signature), echoed back unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
    /// Names the call in the journal; replies of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<CallKey>,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call it answers.
    pub id: CallId,
    /// The called tool.
    pub name: String,
    /// Text handed back to the model; a failed call is also told in words.
    pub output: String,
    /// The call failed, or was never made.
    pub is_error: bool,
}

/// One whole model reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What was said.
    pub message: Assistant,
}

impl Message {
    /// How many bytes of text it holds.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::User { text } | Self::Note { text } => text.len(),
            Self::Assistant(said) => {
                let calls = said.calls.iter().map(|call| call.name.len() + call.arguments.len());
                said.text.len() + calls.sum::<usize>()
            }
            Self::Tools { results } => results.iter().map(|result| result.output.len()).sum(),
        }
    }

    /// What providers attached to it.
    pub fn extras(&self) -> impl Iterator<Item = &Value> {
        let said = match self {
            Self::Assistant(said) => Some(said),
            Self::User { .. } | Self::Note { .. } | Self::Tools { .. } => None,
        };
        let calls = said.into_iter().flat_map(|said| &said.calls);
        said.and_then(|said| said.extra.as_ref())
            .into_iter()
            .chain(calls.filter_map(|call| call.extra.as_ref()))
    }
}

impl ToolCall {
    /// The arguments, if they are one JSON object.
    pub fn object(&self) -> Option<Map<String, Value>> {
        if self.arguments.trim().is_empty() {
            return Some(Map::new());
        }
        serde_json::from_str(&self.arguments).ok()
    }
}
