//! The two built-in tools that read what servers have besides tools (ADR 45).

use std::sync::Arc;

use serde_json::{Value, json};

use base::agents::ReadingKind;
use base::domain::{Hints, ServerContent, Tool, ToolOrigin, Trust};

const READ_RESOURCE: &str = "Read a text or file that a tool server has ready. With server and uri \
it is read. With server alone its resources are listed, with templates for further addresses; find \
narrows the list, page continues it.";
const READ_PROMPT: &str = "Read a prompt that a tool server has ready: messages written for a task. \
With server and name it is read. With server alone the server's prompts are listed; find narrows the \
list, page continues it.";

/// Those for which there is something to read.
pub(crate) fn reading_tools(content: &[ServerContent]) -> Vec<Tool> {
    let tool = |kind| {
        let servers: Vec<_> = servers_with(kind, content).map(|it| &*it.server).collect();
        (!servers.is_empty()).then(|| tool(kind, &servers))
    };
    ReadingKind::ALL.into_iter().filter_map(tool).collect()
}

/// The connected servers that have something to read.
pub(super) fn servers_with(
    kind: ReadingKind,
    content: &[ServerContent],
) -> impl Iterator<Item = &ServerContent> {
    content.iter().filter(move |it| it.is_connected && count(kind, it) > 0)
}

pub(super) fn count(kind: ReadingKind, content: &ServerContent) -> usize {
    match kind {
        ReadingKind::Resource => content.listed.resources.len() + content.listed.templates.len(),
        ReadingKind::Prompt => content.listed.prompts.len(),
    }
}

fn tool(kind: ReadingKind, servers: &[&str]) -> Tool {
    let description = match kind {
        ReadingKind::Resource => READ_RESOURCE,
        ReadingKind::Prompt => READ_PROMPT,
    };
    Tool {
        name: kind.tool().name().to_owned(),
        title: None,
        description: description.to_owned(),
        schema: Arc::new(schema(kind, servers)),
        origin: ToolOrigin::BuiltIn(kind.tool()),
        hints: Hints { read_only: true, destructive: false, idempotent: true, open_world: false },
        is_annotated: true,
        tells_reach: true,
        // Of whose words a result has, and how far a call reaches, its server decides.
        trust: Trust::Bundled,
        approval: None,
        honours_keys: false,
    }
}

fn schema(kind: ReadingKind, servers: &[&str]) -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let server = json!({ "type": "string", "enum": servers, "description": "Whose it is." });
    let find = text("Words that listed entries must contain.");
    let page =
        json!({ "type": "integer", "minimum": 1, "description": "Of the list; 1 if left out." });
    let properties = match kind {
        ReadingKind::Resource => {
            let uri = text("The address, as listed.");
            json!({ "server": server, "uri": uri, "find": find, "page": page })
        }
        ReadingKind::Prompt => {
            let arguments = json!({
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "The prompt's arguments, by their names.",
            });
            let name = text("The name, as listed.");
            json!({
                "server": server, "name": name, "arguments": arguments, "find": find, "page": page,
            })
        }
    };
    json!({ "type": "object", "properties": properties, "required": ["server"] })
}
