//! Calls in flight: what a server says meanwhile, and what it is told.

use serde_json::json;

use super::stub::Stub;
use super::*;
use crate::support::app::{Choices, TestApp};
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

const LIMIT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn progress_extends_the_limit_of_a_call_and_that_five_times_at_most_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["steady", "restless", "hang"]).await;
        let one = ServerSettings { call_timeout: Some(LIMIT), ..http("one", &server) };
        let servers = started(settings(vec![one])).await;
        until_offered(&servers, "steady").await;

        // A second long, and never silent for longer than a tenth.
        assert_eq!(call(&servers, "steady", "{}").await.as_deref(), Ok("{}"), "{era:?}");
        let began = Instant::now();
        assert_eq!(call(&servers, "restless", "{}").await, Err(ToolError::TimedOut), "{era:?}");
        let took = began.elapsed();
        assert!(took >= LIMIT * 5 && took < LIMIT * 10, "{era:?}: {took:?}");
        let began = Instant::now();
        assert_eq!(call(&servers, "hang", "{}").await, Err(ToolError::TimedOut), "{era:?}");
        assert!(began.elapsed() < LIMIT * 5, "{era:?}");
        assert_eq!(health(&servers).breaker.calls.failed, 2, "{era:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_over_http_hears_that_nobody_waits_any_more_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        for leaves in [true, false] {
            let server = McpServer::start(era, &["waits"]).await;
            let call_timeout = Some(if leaves { PATIENCE } else { LIMIT });
            let one = ServerSettings { call_timeout, ..http("one", &server) };
            let servers = started(settings(vec![one])).await;
            until_offered(&servers, "waits").await;

            let running = running(&servers, "waits");
            until("the call is there", || !server.calls().is_empty()).await;
            if leaves {
                running.abort();
            }

            until("it is told", || server.calls() == ["waits", "cancelled"]).await;
            in_time(servers.shut_down()).await;
        }
    }
}

#[tokio::test]
async fn a_child_hears_that_nobody_waits_any_more_in_both_eras() {
    for (mode, revision) in [("waits", "2025-11-25"), ("modern", "2026-07-28")] {
        for leaves in [true, false] {
            let stub = Stub::new(mode);
            let call_timeout = Some(if leaves { PATIENCE } else { LIMIT });
            let servers =
                started(settings(vec![ServerSettings { call_timeout, ..stub.server() }])).await;
            until_offered(&servers, "go").await;
            assert_eq!(version(&servers).as_deref(), Some(revision));
            let heard = || std::fs::read_to_string(stub.path("calls")).unwrap_or_default();

            let running = running(&servers, "go");
            until("the call is there", || heard() == "called\n").await;
            if leaves {
                running.abort();
            }

            until("it is told", || heard() == "called\ncancelled\n").await;
            in_time(servers.shut_down()).await;
        }
    }
}

#[tokio::test]
async fn tools_that_change_in_mid_turn_are_those_of_its_next_step_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["gated", "echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;
        let model = ScriptedModel::new([
            calls(&[("gated", json!({}))]),
            calls(&[("echo", json!({})), ("novel", json!({}))]),
            says("Done."),
        ]);
        let (asked, tools) = (Arc::clone(&model), Arc::clone(&servers));
        let app = TestApp::new(Choices { model, tools, ..Choices::default() }).await;

        let (answer, ()) = tokio::join!(app.create("go"), async {
            until("the call has begun", || !server.calls().is_empty()).await;
            server.set_tools(&["gated", "novel"]).await;
            until_offered(&servers, "novel").await;
            server.open_gate();
        });

        assert!(answer.text.contains("Done."), "{era:?}: {}", answer.text);
        let tools: Vec<_> = asked.asked().into_iter().map(|asked| asked.tools).collect();
        assert_eq!(tools[0], ["gated", "echo", "ask_user"], "{era:?}");
        assert_eq!(tools[1..], [["gated", "novel", "ask_user"], ["gated", "novel", "ask_user"]]);
        assert_eq!(server.calls(), ["gated", "novel"], "{era:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_never_stops_announcing_changes_is_listed_twice_a_second_at_most() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let mut settings = settings(vec![http("one", &server)]);
        settings.pace.look_in = PATIENCE;
        let servers = started(settings).await;
        until_offered(&servers, "echo").await;
        let (began, catalog) = (Instant::now(), servers.catalog());
        let before = server.listings();

        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while server.listings() < before + 3 {
            in_time(ticks.tick()).await;
            server.set_tools(&["echo"]).await;
        }

        let took = began.elapsed();
        assert!(took > Duration::from_millis(1_200), "{era:?}: 3 listings in {took:?}");
        assert!(took < PATIENCE, "{era:?}: {took:?}");
        assert!(Arc::ptr_eq(&catalog, &servers.catalog()), "{era:?}: told again without a change");
        server.set_tools(&["echo", "novel"]).await;
        until_offered(&servers, "novel").await;
        in_time(servers.shut_down()).await;
    }
}

fn running(
    servers: &Arc<Servers>,
    name: &'static str,
) -> tokio::task::JoinHandle<Result<String, ToolError>> {
    let servers = Arc::clone(servers);
    tokio::spawn(async move { call(&servers, name, "{}").await })
}
