//! The transcript: what user, model and tools said, as the model reads it.
//!
//! It is stored next to the items because the model needs more than they show: calls, results and
//! the provider's extras (ADR 8).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CallId, CallKey, ToolId};

/// One message of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    User {
        text: String,
    },
    Assistant(Assistant),
    /// The results of all calls of the assistant message before it.
    Tools {
        /// One per call, in the order of the calls.
        results: Vec<ToolResult>,
    },
    /// A remark of ours that only the model reads.
    Note {
        text: String,
    },
}

impl Message {
    /// The results, of a message that has some.
    pub const fn results(&self) -> Option<&Vec<ToolResult>> {
        match self {
            Self::Tools { results } => Some(results),
            Self::User { .. } | Self::Assistant(_) | Self::Note { .. } => None,
        }
    }
}

/// What the model said in one reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assistant {
    /// For the user; may be empty if there are calls.
    pub text: String,
    /// Calls that the model waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// What the provider attached to the text; sent back unread and unchanged (ADR 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
    /// The provider by dialect and host (`gemini@example.org`): its extras go back to it alone
    /// (ADR 15). Older messages have the name of a fallback, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Connects the result with the call.
    pub id: CallId,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// The tool that had this name when the reply arrived (ADR 1). `None` for an unknown name, the
    /// built-in tool, and calls stored by earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolId>,
    /// As the model wrote them; meant to be one JSON object.
    pub arguments: String,
    /// What the provider attached to the call (a thought signature); sent back unread and unchanged
    /// (ADR 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
    /// The key of the call in the journal (ADR 12); `None` in replies of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<CallKey>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call that it belongs to.
    pub id: CallId,
    pub name: String,
    /// What the model reads; of a failed call, a sentence.
    pub output: String,
    /// The call failed or was not made.
    pub is_error: bool,
    /// Whose words these are, if they are not of the tool that was called: a built-in tool may hand on
    /// what a server said (ADR 48).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<ToolId>,
}

/// One complete reply of the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub message: Assistant,
}

impl Message {
    /// Bytes of text in it.
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

impl ToolResult {
    /// Our own words for a call without an answer.
    pub fn ours(call: &ToolCall, words: String) -> Self {
        let (id, name) = (call.id.clone(), call.name.clone());
        Self { id, name, output: words, is_error: true, origin: None }
    }
}

impl ToolCall {
    /// The arguments, if they are one JSON object; no text counts as an empty one.
    pub fn object(&self) -> Option<Map<String, Value>> {
        if self.arguments.trim().is_empty() {
            return Some(Map::new());
        }
        serde_json::from_str(&self.arguments).ok()
    }
}
