//! The bundled offline model, over HTTP.

#![expect(clippy::indexing_slicing, reason = "JSON without the key is a failed test")]

mod agent;

mod checks;

mod control;

mod dialects;

mod plain;

mod scenarios;

mod specified;

mod transport;

use serde_json::{Value, json};

/// A tool as a request offers it.
fn tool(name: &str, properties: Value, required: &[&str]) -> Value {
    json!({
        "function": {
            "description": "Does it.",
            "name": name,
            "parameters": { "properties": properties, "required": required, "type": "object" },
        },
        "type": "function",
    })
}

/// A tool that takes a title.
fn create_todo() -> Value {
    tool("create_todo", json!({ "title": { "type": "string" } }), &["title"])
}
