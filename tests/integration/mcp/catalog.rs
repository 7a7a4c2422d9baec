//! Tools of several servers side by side.

use orchestrator::domain::{Effect, Hints, ToolId};
use serde_json::json;

use super::stub::Stub;
use super::*;
use crate::support::app::{Choices, TestApp};
use crate::support::doubles::{ScriptedModel, calls};
use crate::support::mcp_server::Era;

#[tokio::test]
async fn names_carry_their_server_wherever_several_are_configured() {
    let first = McpServer::start(Era::Stateless, &["echo", "read_a"]).await;
    let second = McpServer::start(Era::Sessions, &["echo", "read_b"]).await;

    let servers = started(settings(vec![http("one", &first), http("two", &second)])).await;

    until_offered(&servers, "two__echo").await;
    until_offered(&servers, "one__echo").await;
    assert_eq!(names(&servers), ["one__echo", "one__read_a", "two__echo", "two__read_b"]);
    assert!(call(&servers, "two__echo", "{}").await.is_ok());
    assert_eq!((first.calls().len(), second.calls()), (0, vec!["echo".to_owned()]));
    assert_eq!(call(&servers, "echo", "{}").await, Err(ToolError::Unknown));
}

#[tokio::test]
async fn a_server_that_comes_later_moves_no_name() {
    let first = McpServer::start(Era::Stateless, &["echo", "a.b"]).await;
    let second = McpServer::start(Era::Stateless, &["echo", "a.b"]).await;
    let (address, late) = (second.address, http("late", &second));
    second.stop().await;
    let servers = started(settings(vec![late, http("one", &first)])).await;
    until_offered(&servers, "one__echo").await;
    let before = names(&servers);

    let _second = McpServer::start_at(address, Era::Stateless, &["echo", "a.b"]).await;
    until_offered(&servers, "late__echo").await;

    assert_eq!(before, ["one__echo", "one__a.b"]);
    assert_eq!(names(&servers), ["late__echo", "late__a.b", "one__echo", "one__a.b"]);
}

#[tokio::test]
async fn a_call_reaches_the_tool_it_was_written_for_whatever_that_is_called_now() {
    let first = McpServer::start(Era::Stateless, &["echo"]).await;
    let second = McpServer::start(Era::Stateless, &["echo"]).await;
    let servers = started(settings(vec![http("one", &first), http("two", &second)])).await;
    until_offered(&servers, "one__echo").await;
    until_offered(&servers, "two__echo").await;
    let written = |name: &str, server: &str| ToolCall {
        id: "call_1".into(),
        name: name.to_owned(),
        tool: Some(ToolId { server: server.into(), tool: "echo".into() }),
        arguments: "{}".to_owned(),
        extra: None,
        key: None,
    };

    for (name, server) in [("echo", "two"), ("one__echo", "two"), ("two__echo", "gone")] {
        let call = written(name, server);
        let found = servers.catalog().find_call(&call).map(|tool| tool.name.clone());
        let result = in_time(call_by(&*servers, &call, Instant::now() + PATIENCE)).await;

        let expected = (server == "two").then(|| "two__echo".to_owned());
        assert_eq!(found, expected, "{name}");
        assert_eq!(result.is_ok(), expected.is_some(), "{name}");
    }
    assert_eq!((first.calls().len(), second.calls().len()), (0, 2));
}

#[tokio::test]
async fn no_server_puts_questions_in_our_name() {
    let server = McpServer::start(Era::Stateless, &["ask_user"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "one__ask_user").await;
    let asks = json!({ "questions": [{ "question": "Which milk?" }] });
    let model = ScriptedModel::new([calls(&[("ask_user", asks)])]);

    let app = TestApp::new(Choices { model, tools: servers, ..Choices::default() }).await;
    let answer = app.create("delete the milk").await;

    assert_eq!(answer.types().last().unwrap(), "done structured_input");
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_is_missing_takes_nothing_from_the_others() {
    let first = McpServer::start(Era::Stateless, &["echo"]).await;
    let second = McpServer::start(Era::Stateless, &["other"]).await;
    let gone = http("two", &second);
    second.stop().await;

    let servers = started(settings(vec![http("one", &first), gone])).await;

    assert_eq!(names(&servers), ["one__echo"]);
    assert_eq!(*servers.catalog().missing, ["two".into()]);
    assert!(call(&servers, "one__echo", "{}").await.is_ok());
}

#[tokio::test]
async fn no_server_takes_the_places_of_another_and_health_says_what_is_left_out() {
    let many: Vec<&str> = (0..140).map(|n| &*format!("tool_{n}").leak()).collect();
    let (large, small) = (McpServer::start(Era::Stateless, &many).await, &["echo", "read_a"]);
    let small = McpServer::start(Era::Stateless, small).await;

    let servers = started(settings(vec![http("large", &large), http("small", &small)])).await;

    until_offered(&servers, "small__echo").await;
    until_offered(&servers, "large__tool_0").await;
    let offered = names(&servers);
    assert_eq!(offered.len(), 128, "{offered:?}");
    assert!(offered.ends_with(&["small__echo".to_owned(), "small__read_a".to_owned()]));
    assert!(call(&servers, "small__read_a", "{}").await.is_ok());
    let left_out: Vec<_> = servers.report().into_iter().map(left_out_of).collect();
    assert_eq!((left_out[0].len(), left_out[1].len()), (14, 0), "{left_out:?}");
    // Twelve that were too many for any server come before those without a place.
    assert!(left_out[0].contains(&"large__tool_126".to_owned()), "{left_out:?}");
}

#[tokio::test]
async fn a_tool_that_cannot_be_read_takes_no_other_with_it() {
    let stub = Stub::new("crooked");
    let servers = started(settings(vec![stub.server()])).await;

    until_offered(&servers, "tick").await;

    assert_eq!(names(&servers), ["tick"]);
    assert_eq!(left_out_of(health(&servers)), ["go", "1 more"]);
    in_time(servers.shut_down()).await;
}

fn left_out_of(report: Dependency) -> Vec<String> {
    match report.detail {
        Detail::Mcp { left_out, .. } => left_out,
        Detail::Model { .. } | Detail::Fallback { .. } | Detail::Keys { .. } | Detail::Database => {
            panic!("a server reports")
        }
    }
}

#[tokio::test]
async fn a_catalog_has_room_for_128_tools() {
    let many: Vec<&str> = (0..140).map(|n| &*format!("tool_{n}").leak()).collect();
    let server = McpServer::start(Era::Stateless, &many).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    assert_eq!(servers.catalog().tools.len(), 128);
    assert_eq!(call(&servers, "tool_139", "{}").await, Err(ToolError::Unknown));
}

#[tokio::test]
async fn hints_and_names_are_read_with_care_and_descriptions_cut() {
    let server = McpServer::start(Era::Stateless, &["read_it", "odd name/1"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    let catalog = servers.catalog();
    assert_eq!(catalog.find("read_it").unwrap().effect(), Effect::ReadOnly);
    let odd = catalog.find("odd name/1").unwrap();
    assert_eq!(odd.effect(), Effect::Changes);
    assert_eq!(odd.description.len(), 1_024 + "… [cut]".len());
    assert!(call(&servers, "odd name/1", "{}").await.is_ok());
    assert_eq!(server.calls(), ["odd name/1"]);
}

#[tokio::test]
async fn tools_that_look_alike_are_all_offered_and_each_is_reached() {
    let server = McpServer::start(Era::Stateless, &["a.b", "a/b", "a_b"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    assert_eq!(names(&servers), ["a.b", "a/b", "a_b"]);
    assert!(call(&servers, "a/b", "{}").await.is_ok());
    assert_eq!(server.calls(), ["a/b"]);
}

#[tokio::test]
async fn what_a_server_does_not_say_of_a_tool_is_read_as_the_worse_case() {
    let server = McpServer::start(Era::Stateless, &["silent", "mild", "read_it"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    let catalog = servers.catalog();
    let tool = |name: &str| catalog.find(name).unwrap();
    assert_eq!(tool("silent").hints, Hints::default());
    assert_eq!(tool("silent").effect(), Effect::Changes);
    let mild = Hints { destructive: false, idempotent: true, ..Hints::default() };
    assert_eq!((tool("mild").hints, tool("mild").effect()), (mild, Effect::Idempotent));
    assert_eq!(tool("read_it").hints, Hints { read_only: true, ..Hints::default() });
    assert_eq!(tool("read_it").trust, Trust::Trusted);
}

#[tokio::test]
async fn of_several_rules_for_a_tool_the_one_with_the_longest_pattern_counts() {
    let server = McpServer::start(Era::Stateless, &["get_a", "get_ab", "write"]).await;
    let rules = [
        ("get_a", ApprovalRule::Destructive),
        ("get_*", ApprovalRule::Never),
        ("wr*", ApprovalRule::Always),
    ];
    let rules = rules.map(|(pattern, rule)| (pattern.to_owned(), rule));
    let approval = ApprovalRules(rules.into());
    let one = ServerSettings { approval, trust: Trust::Untrusted, ..http("one", &server) };

    let servers = started(settings(vec![one])).await;

    let catalog = servers.catalog();
    let rule = |name: &str| catalog.find(name).unwrap().approval;
    assert_eq!(rule("get_a"), Some(ApprovalRule::Destructive));
    assert_eq!(rule("get_ab"), Some(ApprovalRule::Never));
    assert_eq!(rule("write"), Some(ApprovalRule::Always));
    assert_eq!(catalog.find("write").unwrap().trust, Trust::Untrusted);
}
