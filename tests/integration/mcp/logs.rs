//! What the log says of a call, and what it must not say.

use tracing::Level;

use orchestrator::domain::{CallerToken, Secret};

use super::owners::by;
use super::stub::Stub;
use super::*;
use crate::support::log::Log;
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

#[tokio::test]
async fn what_a_child_writes_to_stderr_is_told_by_its_length_alone() {
    let (log, _guard) = Log::at(Level::DEBUG);
    let script = "echo hush >&2; exec sleep 60";
    let args = ["-c", script].map(str::to_owned).into();
    let transport = Transport::Child { command: "sh".to_owned(), args, env: Vec::new(), cwd: None };
    let server = trusted("one", transport);

    let servers = Servers::start(settings(vec![server]), CancellationToken::new());
    until("it has written", || log.text().contains("wrote to stderr")).await;

    in_time(servers.shut_down()).await;
    assert!(!log.text().contains("hush"), "{}", log.text());
    assert!(log.text().contains(r#""bytes":4"#), "{}", log.text());
}

#[tokio::test]
async fn a_log_message_of_a_server_is_told_by_its_level_and_length_alone() {
    let (log, _guard) = Log::at(Level::DEBUG);
    let servers = started(settings(vec![Stub::new("tells").server()])).await;

    call(&servers, "go", "{}").await.unwrap();
    until("it is logged", || log.text().contains("sent a log message")).await;

    in_time(servers.shut_down()).await;
    assert!(!log.text().contains("hush"), "{}", log.text());
    assert!(log.text().contains(r#""level":"Error","bytes":11"#), "{}", log.text());
}

#[tokio::test]
async fn a_call_is_one_line_without_arguments_or_results() {
    let (log, _guard) = Log::at(Level::TRACE);
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;

    call(&servers, "echo", r#"{"hush":"hush"}"#).await.unwrap();
    let (name, arguments) = ("echo".to_owned(), "{}".to_owned());
    let packed = ToolCall {
        id: "p".repeat(9_000).into(),
        name,
        tool: None,
        arguments,
        extra: None,
        key: None,
    };
    in_time(call_by(&*servers, &packed, Instant::now() + PATIENCE)).await.unwrap();

    in_time(servers.shut_down()).await;
    let text = log.text();
    assert!(!text.contains("hush"), "{text}");
    assert!(!text.contains(&"p".repeat(100)), "an id of any length");
    let is_first = |line: &&str| line.contains("Tool called") && line.contains("call_1");
    let lines: Vec<_> = text.lines().filter(is_first).collect();
    let [line] = lines.as_slice() else { panic!("{text}") };
    for part in [r#""outcome":"ok""#, r#""duration_ms":"#, r#""tool.name":"echo""#] {
        assert!(line.contains(part), "{line}");
    }
    for part in [r#""mcp.server":"one""#, r#""tool.call_id":"call_1""#] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn a_token_that_is_passed_on_is_seen_nowhere() {
    let (log, _guard) = Log::at(Level::TRACE);
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let marked = ServerSettings { forward_auth: true, ..http("one", &server) };
    let servers = started(settings(vec![marked])).await;
    until_offered(&servers, "echo").await;
    let expires = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let token = CallerToken { text: Secret::new("canary"), expires };
    let caller = Caller::anyone().with_token(token);

    by(&servers, &caller, "echo", &serde_json::json!({})).await.unwrap();
    server.send_away("Bearer canary", None);
    let refused = by(&servers, &caller, "echo", &serde_json::json!({})).await.unwrap_err();

    let told = format!("{refused} {refused:?} {caller:?} {servers:?} {:?}", servers.report());
    in_time(servers.shut_down()).await;
    assert!(!told.contains("canary"), "{told}");
    assert!(!log.text().contains("canary"), "{}", log.text());
    assert!(log.text().contains("not_accepted"), "{}", log.text());
}
