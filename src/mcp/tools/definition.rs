//! What a server says of a tool, in one form, so that two can be compared (ADR 40).

use rmcp::model::Tool as ServerTool;
use serde_json::{Map, Value, json};

use super::server_tools::HONOURS_KEYS;
use base::domain::{ToolDefinition, ToolPin, digest, shorten};

/// Longest text that is kept for people. The fingerprint is that of the whole.
const MAX_TEXT_CHARS: usize = 64 * 1024;

/// Before anything is cleaned or cut: what nobody sees changes the fingerprint too.
pub(crate) fn pin_of(tool: &ServerTool) -> ToolPin {
    let text = format!("{:#}", told(tool));
    let definition = ToolDefinition {
        fingerprint: digest(&[&text]).into(),
        text: shorten(&text, MAX_TEXT_CHARS).into(),
    };
    ToolPin { tool: tool.name.as_ref().into(), definition }
}

/// Everything that has a meaning here. What a server says beside it, such as an icon or the time, is
/// used by nobody.
fn told(tool: &ServerTool) -> Value {
    let keys = tool.meta.as_ref().and_then(|meta| meta.get(HONOURS_KEYS));
    let members = [
        ("name", json!(tool.name)),
        ("title", json!(tool.title)),
        ("description", json!(tool.description)),
        ("annotations", json!(tool.annotations)),
        ("inputSchema", json!(tool.input_schema)),
        ("_meta", keys.map_or(Value::Null, |keys| json!({ HONOURS_KEYS: keys }))),
    ];
    let told = members.into_iter().filter(|(_, value)| !value.is_null());
    let mut told: Value =
        told.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into();
    // Servers may send the members of an object in any order.
    told.sort_all_objects();
    told
}
