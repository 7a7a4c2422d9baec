//! What tool servers have besides tools: resources and prompts (ADR 45). The adapter that lists them
//! cleans and limits every text.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ApprovalRule, BuiltInTool, Trust, clean};

/// In bytes. A longer address is left out, because a shortened one leads nowhere.
const MAX_ADDRESS: usize = 2_048;

/// What one server has besides tools.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerContent {
    pub server: Arc<str>,
    pub trust: Trust,
    /// The operator's rules for the built-in tools that read it, if they are not those for all tools.
    pub approvals: Vec<(BuiltInTool, ApprovalRule)>,
    /// Whether it can be read now. Otherwise this is what it had.
    pub is_connected: bool,
    pub listed: Arc<ContentList>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentList {
    pub resources: Vec<ServerResource>,
    pub templates: Vec<ResourceTemplate>,
    pub prompts: Vec<ServerPrompt>,
    /// How many of them are not here, at least: too many, too long, or of no use.
    pub left_out: usize,
}

/// A text or a file that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerResource {
    /// As the server wrote it.
    pub uri: String,
    /// For people.
    pub name: String,
    pub description: String,
    pub mime_type: Option<String>,
}

/// A family of resources, by an address with gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceTemplate {
    /// A template of RFC 6570, as the server wrote it.
    pub uri_template: String,
    pub name: String,
    pub description: String,
    pub mime_type: Option<String>,
}

/// Messages that a server has ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerPrompt {
    /// As the server wrote it.
    pub name: String,
    /// For people, if the server gave one.
    pub title: Option<String>,
    pub description: String,
    pub arguments: Vec<PromptArgument>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptArgument {
    /// As the server wrote it.
    pub name: String,
    pub description: String,
    #[serde(rename = "required")]
    pub is_required: bool,
}

/// Whether a text is an address that can be shown and sent as it is: neither long nor empty, and
/// without spaces and what nobody sees.
pub fn is_address(text: &str) -> bool {
    (1..=MAX_ADDRESS).contains(&text.len())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && clean(text) == text
}

impl ServerContent {
    pub fn approval_of(&self, tool: BuiltInTool) -> Option<ApprovalRule> {
        self.approvals.iter().find(|(it, _)| *it == tool).map(|(_, rule)| *rule)
    }
}

impl ResourceTemplate {
    /// Whether all of its addresses have the scheme that it names. In `{+url}` any is possible.
    pub fn names_scheme(&self) -> bool {
        let fixed = self.uri_template.split('{').next().unwrap_or_default();
        let Some((scheme, _)) = fixed.split_once(':') else { return false };
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    }

    /// Whether an address may be one of this family: its fixed parts are in it, in their order, and
    /// between them what an expression may become, perhaps nothing.
    pub fn fits(&self, uri: &str) -> bool {
        let mut parts = self.uri_template.split('{');
        let Some(mut rest) = uri.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let mut parts = parts.map(|part| part.split_once('}').unwrap_or((part, "")));
        let Some((last, end)) = parts.next_back() else { return rest.is_empty() };
        for (expression, fixed) in parts {
            let Some((filled, behind)) = rest.split_once(fixed) else { return false };
            if !may_become(expression, filled) {
                return false;
            }
            rest = behind;
        }
        rest.strip_suffix(end).is_some_and(|filled| may_become(last, filled))
    }
}

/// One without an operator leads nowhere else, because what it is filled with is encoded. Slashes are
/// let through all the same: the protocol's own example has paths in `{path}`.
fn may_become(expression: &str, filled: &str) -> bool {
    let leads_away = filled.contains(['?', '#']) || filled.split('/').any(|part| part == "..");
    expression.starts_with(['+', '#', '.', '/', ';', '?', '&']) || !leads_away
}

impl ServerPrompt {
    /// The arguments that it needs and that are not given.
    pub fn missing_in(&self, given: &Map<String, Value>) -> Vec<&str> {
        let is_missing = |it: &&PromptArgument| it.is_required && !given.contains_key(&it.name);
        self.arguments.iter().filter(is_missing).map(|it| it.name.as_str()).collect()
    }
}

impl ContentList {
    pub fn prompt(&self, name: &str) -> Option<&ServerPrompt> {
        self.prompts.iter().find(|prompt| prompt.name == name)
    }

    /// Whether there is anything to read.
    pub const fn has_resources(&self) -> bool {
        !self.resources.is_empty() || !self.templates.is_empty()
    }
}
