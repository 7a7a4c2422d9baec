//! As many tools as a provider bears, and no silence about the rest.

use std::sync::Arc;

use orchestrator::domain::{BuiltInTool, Tool, ToolId, ToolOrigin};
use orchestrator::model::ToolDeclarations;
use serde_json::{Value, json};

use crate::support::doubles::tool;

#[test]
fn a_few_tools_are_offered_as_they_are() {
    let offered = offered(&[limited("a", 0), limited("b", 0)]);

    assert_eq!(names(&offered), ["a", "b"]);
    assert_eq!(offered[0]["function"]["parameters"]["properties"]["pattern"]["maxLength"], 9);
}

#[test]
fn of_too_large_tools_the_limits_go_first() {
    let tools: Vec<_> = (0..100).map(|number| limited(&format!("t{number}"), 250)).collect();

    let offered = offered(&tools);

    assert_eq!(offered.len(), 100);
    let text = Value::from(offered).to_string();
    assert!(text.contains(r#""pattern":{"type":"string"}"#) && !text.contains("maxLength"));
}

#[test]
fn what_does_not_fit_is_left_out_and_what_comes_after_it_is_not() {
    let tools = [limited("first", 0), limited("huge", 60_000), limited("last", 0)];

    assert_eq!(names(&offered(&tools)), ["first", "last"]);
}

#[test]
fn more_tools_than_any_provider_takes_are_not_offered_but_those_of_our_own_are() {
    let ours = BuiltInTool::ALL;
    let own = ours.map(|it| Tool { origin: ToolOrigin::BuiltIn(it), ..tool(it.name()) });
    let tools: Vec<_> = (0..300).map(|number| tool(&format!("t{number}"))).chain(own).collect();

    let offered = offered(&tools);

    assert_eq!(offered.len(), 128);
    assert!(names(&offered).ends_with(&ours.map(BuiltInTool::name)));
}

#[test]
fn a_server_with_long_tools_takes_no_place_of_another_and_what_is_left_out_is_told() {
    let of = |server: &str, tool: Tool| {
        let id = ToolId { server: server.into(), tool: tool.name.as_str().into() };
        Tool { origin: ToolOrigin::Server(id), ..tool }
    };
    let long = (0..30).map(|number| of("large", limited(&format!("large_{number}"), 3_000)));
    let short = (0..20).map(|number| of("small", limited(&format!("small_{number}"), 500)));
    let tools: Vec<_> = long.chain(short).collect();

    let offer = ToolDeclarations::of(&tools);

    let offered = offered(&tools);
    let count = |server: &str| names(&offered).iter().filter(|it| it.starts_with(server)).count();
    assert_eq!((count("large"), count("small")), (8, 20));
    let warning = offer.warning().unwrap();
    assert!(warning.contains("large_8, large_9") && warning.ends_with(" and 2 more"), "{warning}");
    assert_eq!(ToolDeclarations::of(&tools[30..]).warning(), None);
}

/// A tool whose argument is named like a keyword, and has limits.
fn limited(name: &str, described: usize) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { "pattern": { "type": "string", "pattern": "^[a-z]{1,9}$", "minLength": 1, "maxLength": 9 } },
    });
    Tool { schema: Arc::new(schema), description: "x".repeat(described), ..tool(name) }
}

fn offered(tools: &[Tool]) -> Vec<Value> {
    let offer = ToolDeclarations::of(tools);
    serde_json::from_str(offer.declarations().unwrap().get()).unwrap()
}

fn names(offered: &[Value]) -> Vec<&str> {
    offered.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect()
}
