//! Tool declarations in the provider's format, written once for as long as the tools stay the same.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::names::Names;
use super::schema::{loosen, reduce};
use super::wire::ToolKind;
use base::domain::{BuiltInTool, Tool, ToolOrigin};

/// Gemini refuses large schemas ("too many states") long before its documented limits.
const MAX_BYTES: usize = 40 * 1024;
/// The smallest limit of a provider is 128; the other places are kept for our own tools.
const MAX_TOOLS: usize = 128 - BuiltInTool::ALL.len();

#[derive(Debug, Default)]
pub struct ToolDeclarations {
    tools: Vec<Tool>,
    names: Names,
    declarations: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Declared<'a> {
    #[serde(rename = "type")]
    kind: ToolKind,
    function: Declaration<'a>,
}

#[derive(Debug, Serialize)]
struct Declaration<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
}

impl ToolDeclarations {
    /// Writes as many tools as a provider accepts, and logs the rest.
    pub fn of(tools: &[Tool]) -> Self {
        let names = Names::of(tools);
        let (kept, left_out) = fitting(tools, &names);
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            tracing::warn!(tools.left_out = %names, "There are more tools than the model accepts");
        }
        let declarations = to_raw_value(&kept).ok().filter(|_| !kept.is_empty());
        Self { tools: tools.to_vec(), names, declarations }
    }

    pub fn is_of(&self, tools: &[Tool]) -> bool {
        self.tools == tools
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    pub fn declarations(&self) -> Option<&RawValue> {
        self.declarations.as_deref()
    }
}

/// The declarations that fit, and the names of the tools that do not. Before a tool is left out,
/// the limits on values of all tools are.
fn fitting<'a>(tools: &'a [Tool], names: &Names) -> (Vec<Box<RawValue>>, Vec<&'a str>) {
    let mut written = write(tools, names, reduce);
    let size: usize = written.iter().map(|(_, tool)| tool.get().len()).sum();
    if size > MAX_BYTES {
        written = write(tools, names, |schema| reduce(schema).map(loosened));
    }
    let (mut kept, mut left_out, mut size) = (Vec::new(), Vec::new(), 0);
    for (tool, text) in written {
        // Our own tools always fit: servers must not be able to displace it (ADR 13).
        let is_ours = matches!(tool.origin, ToolOrigin::BuiltIn(_));
        if is_ours || (kept.len() < MAX_TOOLS && size + text.get().len() <= MAX_BYTES) {
            size += text.get().len();
            kept.push(text);
        } else {
            left_out.push(&*tool.name);
        }
    }
    (kept, left_out)
}

/// A provider refuses two tools with one name, so the first wins.
fn write<'a>(
    tools: &'a [Tool],
    names: &Names,
    parameters: impl Fn(&Value) -> Option<Value>,
) -> Vec<(&'a Tool, Box<RawValue>)> {
    let mut seen = HashSet::new();
    let unique = tools.iter().filter(|tool| seen.insert(&tool.name));
    let written = unique.map(|tool| {
        let function = Declaration {
            name: names.sent(&tool.name),
            description: &tool.description,
            parameters: parameters(&tool.schema),
        };
        let declared = Declared { kind: ToolKind::Function, function };
        Some((tool, to_raw_value(&declared).ok()?))
    });
    written.flatten().collect()
}

fn loosened(mut schema: Value) -> Value {
    loosen(&mut schema);
    schema
}
