//! What becomes of a call.

use orchestrator::agents::{AgentEvent, Certainty};
use orchestrator::domain::{BreakerState, Caller, Secret, ToolId, ToolImage, ToolLink, ToolOrigin};
use serde_json::json;

use super::*;
use crate::support::doubles::listener;
use crate::support::mcp_server::{Era, picture};

#[tokio::test]
async fn arguments_reach_the_tool_and_its_text_comes_back_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_server, servers) = ready(era, "echo", |_| {}).await;

        let result = call(&servers, "echo", r#"{"title":"milk","tags":["a"]}"#).await;

        assert_eq!(result.as_deref(), Ok(r#"{"title":"milk","tags":["a"]}"#));
        assert_eq!(health(&servers).breaker.calls.ok, 1);
    }
}

#[tokio::test]
async fn nothing_is_sent_for_an_unknown_tool_or_broken_arguments() {
    let (server, servers) = ready(Era::Stateless, "echo", |_| {}).await;

    let unknown = call(&servers, "ecco", "{}").await;
    let broken = call(&servers, "echo", "[1]").await;

    assert_eq!(unknown, Err(ToolError::Unknown));
    assert_eq!(broken, Err(ToolError::Arguments));
    assert_eq!(server.calls(), [""; 0]);
}

#[tokio::test]
async fn a_tool_s_own_refusal_is_told_cleaned_and_is_no_failure() {
    let (server, servers) = ready(Era::Stateless, "refuse", |_| {}).await;

    let result = call(&servers, "refuse", "{}").await;

    assert_eq!(result, Err(ToolError::Refused("no such thing".into())));
    assert_eq!(server.calls(), ["refuse"]);
    assert_eq!(health(&servers).breaker.calls.failed, 0);
}

#[tokio::test]
async fn refused_arguments_are_no_failure() {
    let (server, servers) = ready(Era::Sessions, "invalid", |_| {}).await;

    let result = call(&servers, "invalid", "{}").await;

    assert_eq!(result, Err(ToolError::Refused("what is that?".into())));
    assert_eq!(server.calls(), ["invalid"]);
    assert_eq!(health(&servers).breaker.calls.failed, 0);
}

#[tokio::test]
async fn an_internal_error_leaves_the_effect_unknown_and_is_not_repeated() {
    for tool in ["read_broken", "write_broken"] {
        let (server, servers) = ready(Era::Stateless, tool, |_| {}).await;

        let result = call(&servers, tool, "{}").await;

        assert_eq!(result, Err(ToolError::Broken("out of paper".into())));
        assert_eq!(server.calls(), [tool]);
    }
}

#[tokio::test]
async fn a_tool_that_always_breaks_does_not_close_the_door_to_its_server() {
    let server = McpServer::start(Era::Stateless, &["write_broken", "echo"]).await;
    let mut settings = settings(vec![http("one", &server)]);
    settings.guard.breaker.max_failures = 2;
    let servers = started(settings).await;
    until_offered(&servers, "echo").await;

    for _ in 0..5 {
        call(&servers, "write_broken", "{}").await.unwrap_err();
    }

    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    assert_eq!(health(&servers).breaker.calls.failed, 0);
}

#[tokio::test]
async fn a_hanging_call_is_cut_at_its_limit_and_opens_the_breaker() {
    for era in [Era::Sessions, Era::Stateless] {
        let (server, servers) = ready(era, "hang", |settings| {
            settings.call_timeout = Duration::from_millis(200);
            settings.guard.breaker.max_failures = 2;
            settings.guard.breaker.cool_down = Duration::from_mins(10);
        })
        .await;

        let results = [
            call(&servers, "hang", "{}").await,
            call(&servers, "hang", "{}").await,
            call(&servers, "hang", "{}").await,
        ];

        let expected = [ToolError::TimedOut, ToolError::TimedOut, ToolError::Unavailable];
        assert_eq!(results, expected.map(Err));
        assert_eq!(server.calls().len(), 2);
        assert_eq!(health(&servers).breaker.state, BreakerState::Open);
        assert!(is_connected(&servers));
    }
}

#[tokio::test]
async fn the_deadline_of_the_turn_cuts_a_call_too() {
    let (_server, servers) = ready(Era::Stateless, "hang", |_| {}).await;
    let call = named("hang");

    let deadline = Instant::now() + Duration::from_millis(100);
    let result = in_time(call_by(&*servers, &call, deadline)).await;

    assert_eq!(result, Err(ToolError::TimedOut));
    assert_eq!(health(&servers).breaker.calls.failed, 0, "the turn was over, not the server");
}

#[tokio::test]
async fn a_tool_that_says_no_shows_that_its_server_is_there_again() {
    let server = McpServer::start(Era::Stateless, &["hang", "refuse"]).await;
    let mut settings = settings(vec![http("one", &server)]);
    settings.call_timeout = Duration::from_millis(200);
    settings.guard.breaker.max_failures = 1;
    let servers = started(settings).await;
    until_offered(&servers, "refuse").await;
    let state = || health(&servers).breaker.state;
    assert_eq!(call(&servers, "hang", "{}").await, Err(ToolError::TimedOut));
    in_time(async {
        while state() == BreakerState::Open {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let refused = call(&servers, "refuse", "{}").await;

    assert_eq!(refused, Err(ToolError::Refused("no such thing".into())));
    assert_eq!(state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_long_answer_is_cut_and_marked() {
    let (_server, servers) = ready(Era::Stateless, "read_book", |_| {}).await;

    let text = call(&servers, "read_book", "{\"lines\":120000}").await.unwrap();

    let text = text.strip_prefix("[longer than is kept: only the first 2 MiB are here]\n").unwrap();
    assert!(text.ends_with("… [cut]") && text.starts_with("Line 1 of"));
    assert_eq!(text.trim_end_matches("… [cut]").len(), 2 * 1024 * 1024);
}

#[tokio::test]
async fn what_is_no_text_is_named_in_words() {
    let server = McpServer::start(Era::Stateless, &["picture", "structured"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "picture").await;

    let picture = call(&servers, "picture", "{}").await;
    let structured = call(&servers, "structured", "").await;

    assert_eq!(picture.as_deref(), Ok("look:\n[image, 12 kB]"));
    assert_eq!(structured.as_deref(), Ok(r#"{"answer":42}"#));
}

#[tokio::test]
async fn what_comes_beside_the_text_is_kept() {
    let (_server, servers) = ready(Era::Stateless, "rich", |_| {}).await;

    let output = in_time(call_by(&*servers, &named("rich"), Instant::now() + PATIENCE)).await;

    let output = output.unwrap();
    assert_eq!(output.text, "look\n[resource readme: file:///readme]\n[image, 12 kB]");
    assert_eq!(output.structured, Some(json!({ "answer": 42 })));
    let link = ToolLink {
        uri: "file:///readme".to_owned(),
        name: "readme".to_owned(),
        mime_type: Some("text/plain".to_owned()),
    };
    assert_eq!(output.links, [link]);
    assert_eq!(output.images, [ToolImage::read(&picture(16_000)).unwrap()]);
    let id = ToolId { server: "one".into(), tool: "rich".into() };
    assert_eq!(output.origin, ToolOrigin::Server(id));
}

#[tokio::test]
async fn an_answer_in_too_many_parts_is_cut_and_says_so() {
    let (_server, servers) = ready(Era::Stateless, "many", |_| {}).await;

    let text = call(&servers, "many", "{}").await.unwrap();

    assert!(text.ends_with("x\n[2000 more parts are left out]"));
    assert_eq!(text.matches('x').count(), 1_000);
}

#[tokio::test]
async fn a_server_that_only_wants_the_call_again_gets_it_again_but_not_for_ever() {
    let (server, servers) = ready(Era::Stateless, "ask", |_| {}).await;

    let error = call(&servers, "ask", "{}").await.unwrap_err();

    assert_eq!(error.certainty(), Certainty::Unknown, "{error}");
    assert_eq!(server.calls(), ["ask"; 5]);
    assert_eq!(health(&servers).breaker.calls.failed, 0);
}

#[tokio::test]
async fn configured_headers_are_sent() {
    let (_server, servers) = ready(Era::Stateless, "header", |settings| {
        for server in &mut settings.servers {
            if let Transport::Http { headers, .. } = &mut server.transport {
                headers.push(("X-Key".into(), Secret::new("sesame")));
            }
        }
    })
    .await;

    assert_eq!(call(&servers, "header", "{}").await.as_deref(), Ok("sesame"));
}

async fn ready(
    era: Era,
    tool: &'static str,
    change: impl FnOnce(&mut Settings),
) -> (McpServer, Arc<Servers>) {
    let server = McpServer::start(era, &[tool]).await;
    let mut settings = settings(vec![http("one", &server)]);
    change(&mut settings);
    let servers = started(settings).await;
    until_offered(&servers, tool).await;
    (server, servers)
}

#[tokio::test]
async fn the_progress_of_a_call_is_heard_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_server, servers) = ready(era, "slow", |_| {}).await;
        let (events, mut heard) = listener();
        let call = named("slow");
        let progress = Progress::new(call.id.clone(), events);
        let deadline = Instant::now() + PATIENCE;

        let request = ToolRequest {
            call: &call,
            caller: &Caller::anyone(),
            key: None,
            deadline,
            interrupt: &Interrupt::default(),
            progress: &progress,
            resumed: None,
        };
        let result = in_time(servers.call(request)).await;

        assert_eq!(result.unwrap().text, "done");
        let mut words = Vec::new();
        while let Ok(AgentEvent::ToolProgress(told)) = heard.try_recv() {
            words.push(told.words);
        }
        assert_eq!(words, ["reading · 25 %", "writing · 50 %"], "{era:?}");
    }
}

#[tokio::test]
async fn a_key_is_sent_only_to_tools_that_honour_it() {
    for (tool, expected) in [("key", "k-1"), ("keyless", "none")] {
        let (_server, servers) = ready(Era::Stateless, tool, |_| {}).await;
        let call = named(tool);
        let progress = Progress::new(call.id.clone(), listener().0);
        let deadline = Instant::now() + PATIENCE;

        let request = ToolRequest {
            call: &call,
            caller: &Caller::anyone(),
            key: Some("k-1"),
            deadline,
            interrupt: &Interrupt::default(),
            progress: &progress,
            resumed: None,
        };
        let result = in_time(servers.call(request)).await;

        assert_eq!(result.unwrap().text, expected);
    }
}

fn named(tool: &str) -> ToolCall {
    let (id, arguments) = ("call_1".into(), "{}".into());
    ToolCall { id, name: tool.into(), tool: None, arguments, extra: None, key: None }
}

#[tokio::test]
async fn what_a_model_had_to_write_as_text_arrives_as_what_the_tool_wants() {
    let server = McpServer::start(Era::Stateless, &["picky"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    let table = [
        (r#"{"map":"{\"a\":1}"}"#, r#"{"map":{"a":1}}"#),
        (r#"{"map":"no object","text":"{}"}"#, r#"{"map":"no object","text":"{}"}"#),
        (r#"{"map":"[1]","other":"{}"}"#, r#"{"map":"[1]","other":"{}"}"#),
        (r#"{"referred":"{}"}"#, r#"{"referred":{}}"#),
        (r#"{"maybe":"7"}"#, r#"{"maybe":7}"#),
        (r#"{"maybe":"7.5"}"#, r#"{"maybe":"7.5"}"#),
        (r#"{"either":"true"}"#, r#"{"either":true}"#),
        (r#"{"perhaps":"{\"many\":7}"}"#, r#"{"perhaps":{"many":7}}"#),
        (r#"{"perhaps":{"many":"7"}}"#, r#"{"perhaps":{"many":7}}"#),
        (r#"{"one_of":"2"}"#, r#"{"one_of":2}"#),
        (r#"{"one_of":"3"}"#, r#"{"one_of":"3"}"#),
        (r#"{"list":["{}","x"]}"#, r#"{"list":[{},"x"]}"#),
        (r#"{"anything":"{\"a\":[]}"}"#, r#"{"anything":{"a":[]}}"#),
        (r#"{"anything":"7"}"#, r#"{"anything":"7"}"#),
        (r#"{"both":"{}"}"#, r#"{"both":"{}"}"#),
    ];

    for (written, arrived) in table {
        assert_eq!(call(&servers, "picky", written).await.unwrap(), arrived);
    }
}
