//! The tools as the provider reads them: reduced and written once for as long as they stay the same.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::body::Kind;
use super::names::Names;
use super::schema::reduce;
use crate::domain::Tool;

/// What a model is offered.
#[derive(Debug, Default)]
pub struct Offer {
    tools: Vec<Tool>,
    names: Names,
    declarations: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Declared<'a> {
    #[serde(rename = "type")]
    kind: Kind,
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

impl Offer {
    /// Names and writes the tools.
    pub fn of(tools: &[Tool]) -> Self {
        let names = Names::of(tools);
        let written = to_raw_value(&declarations(tools, &names)).ok();
        let declarations = written.filter(|_| !tools.is_empty());
        Self { tools: tools.to_vec(), names, declarations }
    }

    /// Whether it is an offer of these very tools.
    pub fn is_of(&self, tools: &[Tool]) -> bool {
        self.tools == tools
    }

    /// The tools' names, as we and as the provider know them.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The declarations, unless there are none.
    pub(super) fn declarations(&self) -> Option<&RawValue> {
        self.declarations.as_deref()
    }
}

/// Two tools of one name would be refused, so the first wins.
fn declarations<'a>(tools: &'a [Tool], names: &'a Names) -> Vec<Declared<'a>> {
    let mut seen = HashSet::new();
    let unique = tools.iter().filter(|tool| seen.insert(&tool.name));
    unique
        .map(|tool| Declared {
            kind: Kind::Function,
            function: Declaration {
                name: names.sent(&tool.name),
                description: &tool.description,
                parameters: reduce(&tool.schema),
            },
        })
        .collect()
}
