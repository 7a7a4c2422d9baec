//! The bundled offline model, over HTTP.

#![expect(clippy::indexing_slicing, reason = "JSON without the key is a failed test")]

mod agent;

mod checks;

mod control;

mod dialects;

mod plain;

mod scenarios;

mod signatures;

mod specified;

mod transport;

use serde_json::{Value, json};

use crate::support::model_server::Heard;

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

/// An error in the array of one.
fn assert_refused(heard: &Heard, status: u16, words: &str, name: &str) {
    assert_eq!(heard.status, status, "{name}: {}", heard.text);
    let body = heard.json();
    assert_eq!(body.as_array().map(Vec::len), Some(1), "{name}");
    assert_eq!(body[0]["error"]["code"], status, "{name}");
    assert!(body.to_string().replace("\\\"", "\"").contains(words), "{name}: {}", heard.text);
}

/// Adds a message.
fn say(body: &mut Value, message: Value) {
    body["messages"].as_array_mut().unwrap().push(message);
}
