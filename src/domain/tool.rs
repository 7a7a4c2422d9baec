//! Tools as the agent sees them, whichever server runs them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolCall;

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
    /// What it is, whatever it is called.
    pub origin: ToolOrigin,
    /// What its server says of it.
    pub hints: Hints,
    /// How far its server is believed.
    pub trust: Trust,
    /// Whether its server does a call with a key it has seen before only once.
    pub honours_keys: bool,
}

/// Names one tool of one server for good: other servers may come and go, and with them the names
/// that a model sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolId {
    /// The server, as it is configured.
    pub server: Arc<str>,
    /// The server's own name for the tool.
    pub tool: Arc<str>,
}

/// Whose tool it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolOrigin {
    /// Ours: no server runs it, and none can replace it.
    BuiltIn,
    /// A server's.
    Server(ToolId),
}

/// What a server says of a tool. What it leaves out is read as the protocol says: as the worse case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four hints of the protocol")]
pub struct Hints {
    /// It changes nothing.
    pub read_only: bool,
    /// What it changes may be lost.
    pub destructive: bool,
    /// A second identical call changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond its server, to things that others write too.
    pub open_world: bool,
}

/// How far a server is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is part of this program.
    Bundled,
    /// Whoever runs this program chose it.
    Trusted,
}

/// What calling a tool may change, as far as it decides how the call is made.
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

impl Tool {
    /// What calling it may change.
    pub const fn effect(&self) -> Effect {
        self.hints.effect()
    }
}

impl ToolOrigin {
    /// Which tool of which server, if it is a server's.
    pub const fn id(&self) -> Option<&ToolId> {
        match self {
            Self::BuiltIn => None,
            Self::Server(id) => Some(id),
        }
    }

    /// The server that runs it, if one does.
    pub fn server(&self) -> Option<&Arc<str>> {
        self.id().map(|id| &id.server)
    }
}

impl Hints {
    /// What destroys is never repeated, though it says it may be: the second answer would be that
    /// there is nothing there.
    pub const fn effect(self) -> Effect {
        if self.read_only {
            Effect::ReadOnly
        } else if self.idempotent && !self.destructive {
            Effect::Idempotent
        } else {
            Effect::Changes
        }
    }
}

impl Default for Hints {
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

impl Catalog {
    /// Finds a tool by the name that the model calls it by.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Finds the tool of a call: the very one it was made for, if that is known. Its name may be
    /// another tool's by now.
    pub fn find_call(&self, call: &ToolCall) -> Option<&Tool> {
        match &call.tool {
            Some(id) => self.tools.iter().find(|tool| tool.origin.id() == Some(id)),
            None => self.find(&call.name),
        }
    }

    /// Notes in each call which tool it is for.
    pub fn identify(&self, calls: &mut [ToolCall]) {
        for call in calls {
            call.tool = self.find(&call.name).and_then(|tool| tool.origin.id()).cloned();
        }
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.server, self.tool)
    }
}
