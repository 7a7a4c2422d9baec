//! Tools as the agent sees them, whichever server runs them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ServerContent, ToolCall};

#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The name that the model uses; unique in its [`Catalog`].
    pub name: String,
    /// For the user, if the server gave one.
    pub title: Option<String>,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, as the server gave it.
    pub schema: Arc<Value>,
    /// Its identity, independent of its name (ADR 1).
    pub origin: ToolOrigin,
    /// What its server claims.
    pub hints: Hints,
    /// Whether its server says if the tool changes or destroys something. Otherwise these hints are
    /// the protocol's defaults.
    pub is_annotated: bool,
    /// Whether its server says if the tool reaches outside.
    pub tells_reach: bool,
    pub trust: Trust,
    /// The operator's rule for it; `None` is the one for all tools (ADR 38).
    pub approval: Option<ApprovalRule>,
    /// Whether its server makes a call with a known key only once (ADR 12).
    pub honours_keys: bool,
}

/// The permanent identity of a server's tool. The name that the model sees may later belong to
/// another tool (ADR 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolId {
    /// As it is configured.
    pub server: Arc<str>,
    /// As the server calls it.
    pub tool: Arc<str>,
}

/// Who owns a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolOrigin {
    /// We: no server can replace it (ADR 13).
    BuiltIn(BuiltInTool),
    /// A server.
    Server(ToolId),
}

/// The tools of our own. Their names are reserved: no server's tool is offered under one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltInTool {
    /// Asks the person.
    AskUser,
    /// Reads on in a long result (ADR 48).
    ReadResult,
    /// Reads a resource of a server, or lists them.
    ReadResource,
    /// The same, of a prompt.
    ReadPrompt,
}

/// What a server claims about a tool. A missing hint has the protocol's default, the worse case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four hints of the protocol")]
pub struct Hints {
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy what is there.
    pub destructive: bool,
    /// A second identical call changes nothing more.
    pub idempotent: bool,
    /// It reaches things outside its server, which others may write.
    pub open_world: bool,
}

/// How far the claims of a server are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is part of this program.
    Bundled,
    /// The operator says that it can be trusted.
    Trusted,
    /// The operator says nothing: what it leaves unsaid is assumed to be the worse (ADR 38).
    Untrusted,
}

/// Which calls wait until a person approves them (ADR 38).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApprovalRule {
    /// Calls that may destroy something.
    #[default]
    Destructive,
    /// All.
    Always,
    /// None.
    Never,
}

impl ApprovalRule {
    /// The stricter of two rules. `None` is the rule for all servers, which is not known here: if it
    /// and another may each be the stricter, the strictest of all is.
    #[must_use]
    pub fn stricter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (one, other) if one == other => one,
            (Some(Self::Never), rule) | (rule, Some(Self::Never)) => rule,
            (None | Some(Self::Destructive | Self::Always), _) => Some(Self::Always),
        }
    }
}

/// What a call may change, which decides how it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may run beside others, and may be repeated.
    ReadOnly,
    /// Something, but a second identical call changes nothing more.
    Idempotent,
    /// Something, each time.
    Changes,
}

/// All tools at one moment, and those that are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    pub tools: Vec<Tool>,
    /// Configured, but not reachable now.
    pub missing: Vec<Arc<str>>,
    /// Tools, by the names that they would have, that are not as they are pinned (ADR 40).
    pub held_back: Vec<String>,
    /// What servers say about their tools.
    pub instructions: Vec<ServerInstructions>,
    /// What they have besides tools (ADR 45).
    pub content: Vec<ServerContent>,
}

/// What a server says about itself to the model: data, not to be obeyed (ADR 41).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInstructions {
    pub server: Arc<str>,
    /// Cleaned and shortened.
    pub text: Arc<str>,
}

impl Tool {
    pub const fn effect(&self) -> Effect {
        self.hints.effect()
    }
}

impl ToolOrigin {
    /// `None` for a built-in tool.
    pub const fn id(&self) -> Option<&ToolId> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Server(id) => Some(id),
        }
    }

    /// The server that runs it; `None` for a built-in tool.
    pub fn server(&self) -> Option<&Arc<str>> {
        self.id().map(|id| &id.server)
    }
}

impl BuiltInTool {
    pub const ALL: [Self; 4] =
        [Self::AskUser, Self::ReadResult, Self::ReadResource, Self::ReadPrompt];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::AskUser => "ask_user",
            Self::ReadResult => "read_result",
            Self::ReadResource => "read_resource",
            Self::ReadPrompt => "read_prompt",
        }
    }
}

impl Hints {
    /// A destructive tool counts as not idempotent whatever it claims: the answer to a second call
    /// would be that there is nothing there, as if the first had failed.
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
        // The defaults of the protocol (ADR 1).
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

impl Catalog {
    /// Finds a tool by the name that the model uses.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Finds the tool of a call by its identity, if that was stored: its name may be another tool's
    /// by now (ADR 1).
    pub fn find_call(&self, call: &ToolCall) -> Option<&Tool> {
        match &call.tool {
            // A call with an identity is never matched by name: that may be a tool with other
            // effects.
            Some(id) => self.tools.iter().find(|tool| tool.origin.id() == Some(id)),
            None => self.find(&call.name),
        }
    }

    /// Stores in each call the identity of its tool.
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
