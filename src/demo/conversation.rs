//! A conversation as the brain sees it, free of any wire.

use jiff::Zoned;
use serde_json::{Map, Value};

/// Decides what to say; a pure function of the conversation.
pub type Brain = fn(&Conversation) -> BrainAnswer;

/// Everything the brain may look at.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What the person's clock shows, read from the system prompt.
    pub now: Zoned,
    /// What was said so far, oldest first.
    pub said: Vec<Said>,
    /// What may be called.
    pub tools: Vec<ToolSpec>,
}

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The person spoke.
    User(String),
    /// The model spoke or called.
    Assistant {
        /// Words for the person.
        text: String,
        /// Calls it made.
        calls: Vec<Call>,
    },
    /// A tool answered.
    Tool {
        /// The call it answers.
        call_id: String,
        /// What it answered.
        output: String,
    },
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Ties the answer to it.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With what.
    pub arguments: Map<String, Value>,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it says it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// What the brain decides to say or do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrainAnswer {
    /// Short thoughts, shown while it works.
    pub thoughts: Vec<String>,
    /// Words for the person.
    pub text: String,
    /// Calls to make before it goes on.
    pub calls: Vec<PlannedCall>,
}

/// A call to be made; the server gives it an id.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    /// Which tool.
    pub name: String,
    /// With what.
    pub arguments: Map<String, Value>,
}
