//! Lists a server's tools and converts them to ours, within limits. All texts are the server's.

use std::fmt;
use std::sync::Arc;

use rmcp::model::{PaginatedRequestParams, Tool as ServerTool, ToolAnnotations};
use rmcp::{Peer, RoleClient, ServiceError};
use serde_json::Value;

use super::super::ServerSettings;
use super::definition::pin_of;
use super::filter::fits;
use base::domain::{Hints, Tool, ToolId, ToolOrigin, ToolPin, clean, shorten};

/// The smallest limit of a provider, and more than a model can use well.
pub(crate) const MAX_TOOLS: usize = 128;
/// The member of a tool's `_meta` that says: a call with a key happens once (ADR 12).
pub(super) const HONOURS_KEYS: &str = "orchestrator/idempotency";
/// The member of the `_meta` of a stand-in for a tool that cannot be read (ADR 39).
pub(crate) const UNREADABLE_TOOL: &str = "orchestrator/unreadable";
/// The protocol's limit on names.
const MAX_NAME_BYTES: usize = 128;
// A server may return a cursor forever.
const MAX_PAGES: usize = 32;
const MAX_DESCRIPTION_CHARS: usize = 1_024;
const MAX_TITLE_CHARS: usize = 80;
const MAX_INSTRUCTIONS_CHARS: usize = 2_000;
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// How many left-out tools are named in the log.
const MAX_NAMED: usize = 20;

/// All tools of one server, under its own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServerTools {
    pub(crate) tools: Vec<Tool>,
    /// How each of them is defined, in the same order.
    pub(crate) pins: Vec<ToolPin>,
    /// Tools that exist, or may exist, but are not offered.
    pub(crate) left_out: LeftOut,
    /// Tools that the operator keeps out.
    pub(crate) filtered: LeftOut,
    /// What the operator's filter names and the server does not have.
    pub(crate) unmatched: Vec<String>,
    pub(crate) instructions: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    names: Vec<String>,
    unnamed: usize,
}

///
/// # Cancel safety
///
/// Dropping the future forgets the pages read so far.
pub(crate) async fn list_tools(
    peer: &Peer<RoleClient>,
    server: &Arc<str>,
    settings: &ServerSettings,
) -> Result<ServerTools, ServiceError> {
    let named = settings.tools.patterns().chain(settings.approval.patterns());
    let unmatched = named.cloned().collect();
    let (mut offer, mut cursor) = (ServerTools { unmatched, ..ServerTools::default() }, None);
    for _ in 0..MAX_PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = peer.list_tools(Some(params)).await?;
        for tool in &page.tools {
            offer.unmatched.retain(|pattern| !fits(pattern, &tool.name));
            if settings.tools.lets_in(&tool.name) {
                offer.take(tool, server, settings);
            } else {
                offer.filtered.add(&tool.name);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(offer);
        }
    }
    offer.left_out.unnamed += 1;
    Ok(offer)
}

/// What a server says about itself; `None` if it says nothing.
pub(crate) fn instructions(told: Option<&str>) -> Option<Arc<str>> {
    // These end a line for some readers, and JSON leaves them as they are (ADR 41).
    let text = clean(told?).replace(['\u{2028}', '\u{2029}'], " ");
    let text = shorten(text.trim(), MAX_INSTRUCTIONS_CHARS);
    (!text.is_empty()).then(|| text.into())
}

impl ServerTools {
    fn take(&mut self, told: &ServerTool, server: &Arc<str>, settings: &ServerSettings) {
        let known = self.tools.iter().any(|other| other.name == told.name);
        let read =
            read_tool(told, server, settings).filter(|_| !known && self.tools.len() < MAX_TOOLS);
        match read {
            Some(tool) => {
                self.tools.push(tool);
                self.pins.push(pin_of(told));
            }
            None => self.left_out.add(&told.name),
        }
    }
}

impl LeftOut {
    pub(crate) fn add(&mut self, name: &str) {
        if self.names.len() < MAX_NAMED && !name.is_empty() {
            // Names may have ends of lines, and must not look like a line of ours.
            self.names.push(shorten(&clean(name), MAX_TITLE_CHARS).replace(['\n', '\r'], " "));
        } else {
            self.unnamed += 1;
        }
    }

    /// For a list of names.
    pub(crate) fn listed(&self) -> Vec<String> {
        let more = (self.unnamed > 0).then(|| format!("{} more", self.unnamed));
        self.names.iter().cloned().chain(more).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(", "))?;
        if self.unnamed > 0 { write!(f, " and {} more", self.unnamed) } else { Ok(()) }
    }
}

/// None for a tool that cannot be read, whose name cannot be shown, or whose schema is too large to
/// send with each request.
fn read_tool(tool: &ServerTool, server: &Arc<str>, settings: &ServerSettings) -> Option<Tool> {
    let schema = Value::Object(tool.input_schema.as_ref().clone());
    let is_named =
        (1..=MAX_NAME_BYTES).contains(&tool.name.len()) && clean(&tool.name) == tool.name;
    let says = |name: &str| tool.meta.as_ref().is_some_and(|meta| meta.contains_key(name));
    if !is_named || says(UNREADABLE_TOOL) || schema.to_string().len() > MAX_SCHEMA_BYTES {
        return None;
    }
    let id = ToolId { server: Arc::clone(server), tool: tool.name.as_ref().into() };
    let annotations = tool.annotations.as_ref();
    let title = tool.title.as_ref().or_else(|| annotations?.title.as_ref());
    let description = tool.description.as_deref().unwrap_or_default();
    Some(Tool {
        name: tool.name.clone().into_owned(),
        title: title.map(|title| shorten(&clean(title), MAX_TITLE_CHARS)),
        description: shorten(&clean(description), MAX_DESCRIPTION_CHARS),
        schema: Arc::new(schema),
        origin: ToolOrigin::Server(id),
        hints: annotations.map(hints).unwrap_or_default(),
        is_annotated: annotations.is_some_and(is_clear),
        tells_reach: annotations.is_some_and(|told| told.open_world_hint.is_some()),
        trust: settings.trust,
        approval: settings.approval.rule_for(&tool.name),
        honours_keys: says(HONOURS_KEYS),
    })
}

/// Whether it says anything of what the tool may do.
const fn is_clear(told: &ToolAnnotations) -> bool {
    told.read_only_hint.is_some() || told.destructive_hint.is_some()
}

fn hints(told: &ToolAnnotations) -> Hints {
    // Absent hints get the protocol's defaults, which assume the worst (ADR 1).
    let worse = Hints::default();
    Hints {
        read_only: told.read_only_hint.unwrap_or(worse.read_only),
        destructive: told.destructive_hint.unwrap_or(worse.destructive),
        idempotent: told.idempotent_hint.unwrap_or(worse.idempotent),
        open_world: told.open_world_hint.unwrap_or(worse.open_world),
    }
}
