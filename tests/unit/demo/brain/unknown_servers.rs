//! Servers with other names, other schemas, other answers, or nothing to keep todos with.

use demo::{Call, Conversation, Said, ToolSpec, answer};
use jiff::Zoned;
use serde_json::{Value, json};

use super::harness::{Talk, tool, tools, written};

#[test]
fn prefixed_names_are_found() {
    let prefixed =
        tools().into_iter().map(|tool| ToolSpec { name: format!("todo__{}", tool.name), ..tool });
    let mut talk = Talk::with(prefixed.collect(), super::harness::todos());

    let heard = talk.say("delete eggs");

    assert_eq!(
        written(&heard),
        r#"todo__list_todos {"status":"all","limit":100} > todo__delete_todo {"id":"t5"}"#
    );
}

#[test]
fn other_words_for_names_and_arguments_are_found() {
    let tools = vec![
        tool(
            "addTask",
            json!({"content": {"type": "string"}, "dueDate": {"format": "date-time"}, "labels": {"type": "array"}, "priority": {"enum": ["low", "medium", "high"]}}),
            json!(["content"]),
        ),
        tool("get-tasks-list", json!({}), json!([])),
        tool("finishTask", json!({"taskId": {"type": "integer"}}), json!(["taskId"])),
    ];

    assert_eq!(
        calls(&tools, "add milk tomorrow at 5pm, normal priority #home", &[]),
        r#"addTask {"content":"Milk","dueDate":"2026-11-22T17:00:00+01:00","priority":"medium","labels":["home"]}"#
    );
    assert_eq!(calls(&tools, "milk is done", &[]), "get-tasks-list {}");
    assert_eq!(
        calls(&tools, "milk is done", &[r#"[{"id": 7, "name": "Milk"}]"#]),
        r#"finishTask {"taskId":7}"#
    );
}

#[test]
fn what_a_tool_cannot_take_goes_into_the_title() {
    let tools = vec![tool("add_item", json!({"text": {"type": "string"}}), json!(["text"]))];

    let called = calls(&tools, "add milk tomorrow, urgent #home", &[]);

    assert_eq!(called, r#"add_item {"text":"Milk (due 2026-11-22, high priority, #home)"}"#);
}

#[test]
fn without_a_complete_tool_the_status_is_updated() {
    let flag = json!({"id": {"type": "string"}, "completed": {"type": "boolean"}});
    let word = json!({"id": {"type": "string"}, "status": {"enum": ["pending", "completed"]}});
    let list = r#"{"items": [{"id": "a", "title": "Milk"}, {"id": "b", "title": "Eggs", "completed": true}]}"#;
    for (update, done, open) in [
        (
            flag,
            r#"edit_task {"id":"a","completed":true}"#,
            r#"edit_task {"id":"b","completed":false}"#,
        ),
        (
            word,
            r#"edit_task {"id":"a","status":"completed"}"#,
            r#"edit_task {"id":"b","status":"pending"}"#,
        ),
    ] {
        let tools = vec![
            tool("list_tasks", json!({}), json!([])),
            tool("edit_task", update, json!(["id"])),
        ];

        assert_eq!(calls(&tools, "complete milk", &[list]), done);
        assert_eq!(calls(&tools, "reopen eggs", &[list]), open);
    }
}

#[test]
fn a_change_no_tool_can_make_is_admitted() {
    let tools = vec![tool("list_tasks", json!({}), json!([]))];

    let said = text(&tools, "delete milk", &[r#"[{"id": "a", "title": "Milk"}]"#]);

    assert_eq!(said, "No tool here can delete a todo that way, so I left it as it is.");
}

#[test]
fn a_list_nobody_can_read_is_admitted() {
    for output in ["3 tasks: milk, eggs", "{}", "[1, 2]", r#"{"a": {"b": 1}}"#, ""] {
        let said = text(&tools(), "delete milk", &[output]);

        assert!(said.contains("cannot read"), "{output}: {said}");
    }
}

#[test]
fn tools_that_keep_no_todos_are_named() {
    let tools = vec![
        tool("weather__forecast", json!({"city": {"type": "string"}}), json!(["city"])),
        tool(
            "create_issue",
            json!({"owner": {"type": "string"}, "title": {"type": "string"}}),
            json!(["owner", "title"]),
        ),
    ];

    for said in ["add milk", "what is on my list?", "what is the weather?", "help"] {
        assert_eq!(calls(&tools, said, &[]), "-", "{said}");
        let told = text(&tools, said, &[]);
        assert!(told.contains("weather__forecast, create_issue"), "{told}");
        assert!(told.contains("GEMINI_API_KEY"), "{told}");
    }
}

#[test]
fn without_tools_it_says_that_the_server_may_be_unreachable() {
    let told = text(&[], "add milk", &[]);

    assert!(told.contains("the tool server may be unreachable"), "{told}");
    assert_eq!(calls(&[], "add milk", &[]), "-");
}

#[test]
fn a_call_without_an_answer_is_not_taken_for_done() {
    let mut said = said_with(&tools(), "add milk", &[]);
    let call = Call {
        id: "x".to_owned(),
        name: "create_todo".to_owned(),
        arguments: serde_json::Map::new(),
    };
    said.said.push(Said::Assistant { text: String::new(), calls: vec![call] });

    let told = answer(&said).text;

    assert!(told.contains("I do not know whether it worked"), "{told}");
}

fn calls(tools: &[ToolSpec], text: &str, outputs: &[&str]) -> String {
    let answer = answer(&said_with(tools, text, outputs));
    let calls: Vec<String> = answer
        .calls
        .iter()
        .map(|call| format!("{} {}", call.name, Value::from(call.arguments.clone())))
        .collect();
    if calls.is_empty() { "-".to_owned() } else { calls.join("; ") }
}

fn text(tools: &[ToolSpec], text: &str, outputs: &[&str]) -> String {
    answer(&said_with(tools, text, outputs)).text
}

/// One message, and one round with one call for each output.
fn said_with(tools: &[ToolSpec], text: &str, outputs: &[&str]) -> Conversation {
    let now: Zoned = "2026-11-21T05:12:00+01:00[Europe/Berlin]".parse().unwrap();
    let mut said = vec![Said::User(text.to_owned())];
    for output in outputs {
        let call =
            Call { id: "c".to_owned(), name: "any".to_owned(), arguments: serde_json::Map::new() };
        said.push(Said::Assistant { text: String::new(), calls: vec![call] });
        said.push(Said::Tool { call_id: "c".to_owned(), output: (*output).to_owned() });
    }
    Conversation { now, said, tools: tools.to_vec() }
}
