//! What a tool is, whatever it is called.

use orchestrator::domain::{Effect, Hints, ToolCall, ToolId};
use serde_json::json;

use crate::support::doubles::{catalog, tool_calls};

#[test]
fn calls_kept_before_tools_had_an_identity_are_read_and_found_by_name() {
    let kept = json!({ "id": "call_1", "name": "add", "arguments": "{}" });

    let call: ToolCall = serde_json::from_value(kept.clone()).unwrap();

    assert_eq!(call.tool, None);
    assert_eq!(json!(call), kept);
    assert_eq!(catalog(&["add"]).find_call(&call).unwrap().name, "add");
}

#[test]
fn a_call_keeps_the_identity_of_its_tool() {
    let mut calls = tool_calls(&[("add", json!({})), ("nothing", json!({}))]);

    catalog(&["add"]).identify(&mut calls);

    let id = ToolId { server: "fake".into(), tool: "add".into() };
    assert_eq!(calls[0].tool, Some(id));
    assert_eq!(calls[1].tool, None);
    let kept = json!(calls[0]);
    assert_eq!(kept["tool"], json!({ "server": "fake", "tool": "add" }));
    assert_eq!(serde_json::from_value::<ToolCall>(kept).unwrap(), calls[0]);
}

#[test]
fn what_destroys_is_never_repeated_though_it_says_it_may_be() {
    let hints = |read_only, destructive, idempotent| Hints {
        read_only,
        destructive,
        idempotent,
        open_world: true,
    };
    let table = [
        (hints(true, true, false), Effect::ReadOnly),
        (hints(false, false, true), Effect::Idempotent),
        (hints(false, true, true), Effect::Changes),
        (hints(false, false, false), Effect::Changes),
        (Hints::default(), Effect::Changes),
    ];

    for (hints, effect) in table {
        assert_eq!(hints.effect(), effect, "{hints:?}");
    }
}
