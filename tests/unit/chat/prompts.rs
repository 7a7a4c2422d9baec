//! Prompts that people start, by what they write (ADR 45).

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator::chat::{PromptRefusal, PromptStart, StartedPrompt, prompt_in};
use orchestrator::domain::{ContentList, PromptArgument, ServerContent, ServerPrompt, Trust};
use serde_json::{Value, json};

#[test]
fn a_message_with_the_name_of_a_prompt_starts_it() {
    let content = content();
    for (text, server, name, arguments) in [
        ("/day", "todo", "day", json!({})),
        (" /day \n", "todo", "day", json!({})),
        ("/day and more", "todo", "day", json!({})),
        ("/todo:plan", "todo", "plan", json!({})),
        ("/notes:plan tea for two", "notes", "plan", json!({ "topic": "tea for two" })),
        ("/sum tea long", "notes", "sum", json!({ "topic": "tea", "length": "long" })),
        ("/sum tea very long", "notes", "sum", json!({ "topic": "tea", "length": "very long" })),
        ("/sum \"green tea\" 3", "notes", "sum", json!({ "topic": "green tea", "length": "3" })),
        ("/sum topic=tea", "notes", "sum", json!({ "topic": "tea" })),
        ("/sum tea length=3", "notes", "sum", json!({ "topic": "tea", "length": "3" })),
        ("/sum topic=\"a = b\" length=", "notes", "sum", json!({ "topic": "a = b", "length": "" })),
        ("/sum x=y", "notes", "sum", json!({ "topic": "x=y" })),
        ("/sum \"never closed", "notes", "sum", json!({ "topic": "never closed" })),
        ("/a:b", "notes", "a:b", json!({})),
    ] {
        let found = prompt_in(text, &content);
        let Value::Object(arguments) = arguments else { unreachable!() };
        let expected = StartedPrompt { server: server.into(), name: name.to_owned(), arguments };
        assert_eq!(found, Ok(Some(expected)), "{text}");
    }
}

#[test]
fn what_a_prompt_needs_is_named() {
    let missing = || Err(PromptRefusal::Missing(vec!["topic".to_owned()]));
    assert_eq!(prompt_in("/notes:sum", &content()), missing());
    let one_value = "/notes:sum length=3 green tea";
    assert_eq!(prompt_in(one_value, &content()), missing(), "all of it is one value");
}

#[test]
fn any_other_text_with_a_slash_is_a_message() {
    for text in [
        "",
        "/",
        "/ day",
        "day",
        "/days",
        "/Day",
        "/other:day",
        "/usr/bin",
        "//day",
        "a /day",
        "/:day",
    ] {
        assert_eq!(prompt_in(text, &content()), Ok(None), "{text}");
    }
    assert_eq!(prompt_in("/day", &[]), Ok(None));
}

#[test]
fn no_server_gets_between_a_person_and_the_prompt_of_another() {
    assert_eq!(prompt_in("/plan", &content()), Ok(None), "a message");
    let plan = PromptStart { server: None, name: "plan".to_owned(), arguments: BTreeMap::new() };
    let servers = vec!["todo".to_owned(), "notes".to_owned()];
    assert_eq!(plan.find(&content()), Err(PromptRefusal::Ambiguous(servers)));
}

#[test]
fn no_server_keeps_a_message_from_being_sent_by_the_name_of_a_prompt() {
    for text in ["/sum", "/sum length=3 green tea", "/plan", "/plan a week"] {
        assert_eq!(prompt_in(text, &content()), Ok(None), "{text}");
    }
}

#[test]
fn what_a_front_end_names_must_be_there_with_all_that_it_needs() {
    let find = |server: Option<&str>, name: &str, arguments: &[(&str, &str)]| {
        let arguments = arguments.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let (server, name) = (server.map(str::to_owned), name.to_owned());
        let start = PromptStart { server, name, arguments: arguments.collect() };
        start.find(&content()).map(|started| started.server.to_string())
    };
    assert_eq!(find(None, "sum", &[("topic", "tea")]), Ok("notes".to_owned()));
    assert_eq!(find(Some("notes"), "sum", &[("topic", "tea")]), Ok("notes".to_owned()));
    assert_eq!(find(Some("todo"), "sum", &[("topic", "tea")]), Err(PromptRefusal::Unknown));
    let missing = PromptRefusal::Missing(vec!["topic".to_owned()]);
    assert_eq!(find(None, "sum", &[]), Err(missing));
    let surplus = find(None, "sum", &[("topic", "tea"), ("to", "eve")]).unwrap_err();
    assert_eq!(surplus.to_string(), "This prompt has no such argument. It takes: topic, length.");
    assert!(!format!("{surplus:?}").contains("eve"));
}

#[test]
fn what_is_shown_of_a_prompt_starts_the_same_one() {
    for arguments in [&[("topic", "green tea"), ("length", "3")][..], &[("topic", "tea")]] {
        let arguments: BTreeMap<_, _> =
            arguments.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let server = Some("notes".to_owned());
        let start = PromptStart { server, name: "sum".to_owned(), arguments };
        assert_eq!(prompt_in(&start.text(), &content()), start.find(&content()).map(Some));
    }
}

#[test]
fn refusals_have_no_link_and_an_end() {
    let names: Vec<_> = (0..40).map(|it| format!("https://evil.example/{it}")).collect();
    let told = PromptRefusal::Missing(names).to_string();
    assert!(!told.contains("://") && told.len() < 1_000, "{told}");
}

fn content() -> Vec<ServerContent> {
    let server = |server: &str, prompts: Vec<ServerPrompt>| ServerContent {
        server: server.into(),
        trust: Trust::Untrusted,
        approvals: Vec::new(),
        is_connected: true,
        listed: Arc::new(ContentList { prompts, ..ContentList::default() }),
    };
    let plan = prompt("plan", &[("topic", false)]);
    let sum = prompt("sum", &[("topic", true), ("length", false)]);
    vec![
        server("todo", vec![prompt("day", &[]), prompt("plan", &[])]),
        server("notes", vec![plan, sum, prompt("a:b", &[])]),
    ]
}

fn prompt(name: &str, arguments: &[(&str, bool)]) -> ServerPrompt {
    let argument = |&(name, is_required): &(&str, bool)| PromptArgument {
        name: name.to_owned(),
        description: String::new(),
        is_required,
    };
    let arguments = arguments.iter().map(argument).collect();
    ServerPrompt { name: name.to_owned(), title: None, description: String::new(), arguments }
}
