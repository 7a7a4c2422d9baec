//! Tools as the agent sees them, whichever server runs them.

use std::sync::Arc;

use serde_json::Value;

/// A tool the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The name the model calls it by; unique in its [`Catalog`].
    pub name: String,
    /// What a person reads, if the server gave one.
    pub title: Option<String>,
    /// What the model reads.
    pub description: String,
    /// JSON Schema of the arguments, as the server gave it.
    pub schema: Arc<Value>,
    /// What a call may change.
    pub effect: Effect,
    /// Whether its server does a call with a key it has seen before only once.
    pub honours_keys: bool,
    /// The server that runs it.
    pub server: Arc<str>,
}

/// What calling a tool may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: may run beside others, may be repeated.
    ReadOnly,
    /// Something, but a second identical call changes nothing more.
    Idempotent,
    /// Something, each time.
    Changes,
}

/// All tools of one moment, and the servers that could not offer theirs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// The tools on offer.
    pub tools: Vec<Tool>,
    /// Servers that are configured but not reachable now.
    pub missing: Vec<Arc<str>>,
}

impl Catalog {
    /// Finds a tool by the name that the model calls it by.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}
