//! Tool declarations in the provider's format, written once for as long as the tools stay the same.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::names::Names;
use super::schema::{loosen, reduce};
use super::tool_places::{Room, chosen};
use super::wire::ToolKind;
use base::domain::Tool;

/// How many tools that are left out are named.
const MAX_NAMED: usize = 20;

#[derive(Debug, Default)]
pub struct ToolDeclarations {
    tools: Vec<Tool>,
    names: Names,
    declarations: Option<Box<RawValue>>,
    left_out: Vec<String>,
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
        let declarations = to_raw_value(&kept).ok().filter(|_| !kept.is_empty());
        let left_out = left_out.into_iter().map(str::to_owned).collect();
        let declared = Self { tools: tools.to_vec(), names, declarations, left_out };
        if let Some(warning) = declared.warning() {
            tracing::warn!("{warning}");
        }
        declared
    }

    /// Which tools are left out, for the operator.
    pub fn warning(&self) -> Option<String> {
        let (named, others) = self.left_out.split_at(self.left_out.len().min(MAX_NAMED));
        let more =
            if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        (!named.is_empty()).then(|| {
            format!(
                "There are more tools than a model takes, so it is not told of {}{more}",
                named.join(", ")
            )
        })
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
    if size > Room::OF_ALL.bytes {
        written = write(tools, names, |schema| reduce(schema).map(loosened));
    }
    let sizes: Vec<_> =
        written.iter().map(|(tool, text)| (tool.origin.server(), text.get().len())).collect();
    let is_kept = chosen(&sizes, Room::OF_ALL);
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for ((tool, text), is_kept) in written.into_iter().zip(is_kept) {
        if is_kept {
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
