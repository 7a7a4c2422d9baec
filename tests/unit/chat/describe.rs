//! Tool calls in words.

use orchestrator::chat::describe;
use serde_json::{Value, json};

use crate::support::doubles::tool_calls;

#[test]
fn calls_read_like_what_they_do() {
    let table: &[(&str, Value, &str)] = &[
        ("create_todo", json!({ "title": "Milk" }), "Adding Milk"),
        ("list_todos", json!({}), "Looking through todos"),
        ("list_todos", json!({ "text": "milk" }), "Looking through milk"),
        ("complete_todo", json!({ "id": "t1" }), "Completing todo"),
        ("todo__delete_todo", json!({ "id": "t1" }), "Deleting todo"),
        ("search", json!({ "query": "a\nb" }), "Looking through a"),
        ("frobnicate", json!({ "title": "x" }), "frobnicate"),
        ("", json!({}), ""),
    ];

    for (name, arguments, expected) in table {
        let call = tool_calls(&[(name, arguments.clone())]).remove(0);
        assert_eq!(&describe(&call, None).0, expected);
    }

    let call = tool_calls(&[("create_todo", json!({ "title": "Milk" }))]).remove(0);
    assert_eq!(describe(&call, Some("todo")).0, "Adding Milk (todo)");
}
