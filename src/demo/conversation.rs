//! A conversation, independent of any wire format: the types that brain, wire and emulation share.

use jiff::Zoned;
use serde_json::{Map, Value};

/// The tool that shows a form. It is never used as a todo tool.
pub(crate) const ASK_USER: &str = "ask_user";

/// A pure function: it reads no clock and stores nothing (ADR 9).
pub type Brain = fn(&Conversation) -> BrainAnswer;

/// Everything that the brain may use.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The user's clock, read from the system prompt, as a real model does.
    pub now: Zoned,
    /// Oldest first.
    pub said: Vec<Said>,
    /// The tools that may be called.
    pub tools: Vec<ToolSpec>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A message of the user.
    User(String),
    /// A reply of the model.
    Assistant {
        /// Text for the user.
        text: String,
        calls: Vec<Call>,
    },
    /// The result of a call.
    Tool {
        /// The `id` of the call.
        call_id: String,
        /// Text or JSON, as the tool sent it.
        output: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Identifies its result.
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrainAnswer {
    /// Short thoughts, so that thinking is visible (ADR 9).
    pub thoughts: Vec<String>,
    pub text: String,
    /// Calls whose results it needs before it continues.
    pub calls: Vec<PlannedCall>,
}

/// A call without an id, which the wire adds.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    pub name: String,
    pub arguments: Map<String, Value>,
}
