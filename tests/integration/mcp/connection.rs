//! Servers over HTTP that come, go and change.

use orchestrator::domain::BreakerState;
use orchestrator::mcp::RevisionChoice;

use super::stub::Stub;
use super::*;
use crate::support::mcp_server::{Era, HOG, Mood};
use crate::support::process::{Running, get};
use crate::support::watchdog::until;

#[tokio::test]
async fn tools_are_listed_at_start_in_both_eras() {
    for (era, revision) in [(Era::Sessions, "2025-11-25"), (Era::Stateless, "2026-07-28")] {
        let server = McpServer::start(era, &["echo", "read_it"]).await;

        let servers = started(settings(vec![http("one", &server)])).await;

        assert_eq!(names(&servers), ["echo", "read_it"]);
        assert_eq!(version(&servers).as_deref(), Some(revision));
        assert_eq!(health(&servers).name, "mcp:one");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_says_it_is_older_is_met_without_a_failure() {
    let server = McpServer::start(Era::Pinned, &["echo"]).await;

    let servers = started(settings(vec![http("one", &server)])).await;

    assert_eq!(names(&servers), ["echo"]);
    assert_eq!(version(&servers).as_deref(), Some("2025-11-25"));
    assert_eq!(health(&servers).breaker.calls.failed, 0);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_of_both_eras_is_spoken_to_in_the_one_that_its_entry_names() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    for (revision, spoken) in [
        (RevisionChoice::Detected, "2026-07-28"),
        (RevisionChoice::Sessions, "2025-11-25"),
        (RevisionChoice::Stateless, "2026-07-28"),
    ] {
        let one = ServerSettings { revision, ..http("one", &server) };

        let servers = started(settings(vec![one])).await;

        assert_eq!(version(&servers).as_deref(), Some(spoken));
        assert_eq!(call(&servers, "echo", r#"{"a":1}"#).await.as_deref(), Ok(r#"{"a":1}"#));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn changed_tools_are_listed_again_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;

        server.set_tools(&["novel"]).await;

        until_offered(&servers, "novel").await;
        assert_eq!(names(&servers), ["novel"]);
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_at_start_is_connected_later() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let (address, one) = (server.address, http("one", &server));
    server.stop().await;

    let servers = started(settings(vec![one])).await;

    assert_eq!(*servers.catalog().missing, ["one".into()]);
    assert!(!is_connected(&servers));
    let server = McpServer::start_at(address, Era::Stateless, &["echo"]).await;
    until_offered(&servers, "echo").await;
    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    assert_eq!(server.calls(), ["echo"]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_that_comes_late_is_met_in_the_newer_era() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let (address, one) = (server.address, http("one", &server));
    server.stop().await;

    let servers = started(settings(vec![one])).await;
    in_time(failures(&servers, 3)).await;
    let _server = McpServer::start_at(address, Era::Stateless, &["echo"]).await;
    until_offered(&servers, "echo").await;

    assert_eq!(version(&servers).as_deref(), Some("2026-07-28"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_that_came_back_serves_the_turn_that_wants_it_however_long_the_pause() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let (address, mut settings) = (server.address, settings(vec![http("one", &server)]));
    server.stop().await;
    settings.guard.breaker.max_failures = 1;
    settings.guard.min_delay = Duration::from_mins(10);
    settings.pace.longest_pause = Duration::from_mins(10);
    let servers = started(settings).await;
    assert!(!is_connected(&servers));

    let _server = McpServer::start_at(address, Era::Stateless, &["echo"]).await;
    in_time(async {
        while !is_connected(&servers) {
            servers.settled().await;
        }
    })
    .await;

    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_on_this_machine_is_not_asked_of_a_proxy() {
    let mcp = McpServer::start(Era::Stateless, &["echo"]).await;
    let data = tempfile::tempdir().unwrap();
    let (url, nobody) = (mcp.url(), "http://127.0.0.1:9");
    let env = [("MCP_SERVER_URL", url.as_str()), ("HTTP_PROXY", nobody), ("http_proxy", nobody)];

    let program = Running::start(&data, &env);
    in_time(program.ready()).await;

    let (_, health) = get(&format!("{}/health", program.url)).await;
    assert_eq!(health["mcp"]["mcp"]["connected"], true, "{health}");
}

/// Waits until so many attempts have failed.
async fn failures(servers: &Servers, count: u64) {
    while health(servers).breaker.calls.failed < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_dead_server_s_tools_vanish_and_come_back_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;

        let address = server.address;
        server.stop().await;
        let error = call(&servers, "echo", "{}").await.unwrap_err();

        assert_eq!(error, ToolError::Unavailable);
        until_missing(&servers).await;
        assert_eq!(names(&servers), [""; 0]);
        assert_eq!(call(&servers, "echo", "{}").await, Err(ToolError::Unavailable));
        let _server = McpServer::start_at(address, era, &["echo"]).await;
        until_offered(&servers, "echo").await;
        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_missed_without_a_call_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;

        server.stop().await;

        until_missing(&servers).await;
        assert_eq!(health(&servers).breaker.calls.ok, 0);
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_during_a_call_does_not_hang_it_in_either_era() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["hang"]).await;
        let mut settings = settings(vec![http("one", &server)]);
        settings.call_timeout = Duration::from_secs(1);
        let servers = started(settings).await;
        until_offered(&servers, "hang").await;

        let (result, ()) = tokio::join!(call(&servers, "hang", "{}"), async {
            until("the call is there", || !server.calls().is_empty()).await;
            server.stop().await;
        });

        let error = result.unwrap_err();
        assert!(matches!(error, ToolError::Lost | ToolError::TimedOut), "{error:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_does_one_thing_at_a_time_is_not_given_up_while_it_works_in_either_era() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["hog"]).await;
        let mut settings = settings(vec![http("one", &server)]);
        settings.connect_timeout = HOG / 5;
        let servers = started(settings).await;
        until_offered(&servers, "hog").await;

        let result = call(&servers, "hog", "{}").await;

        assert_eq!(result.as_deref(), Ok("{}"), "{era:?}");
        assert_eq!(names(&servers), ["hog"]);
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_to_list_while_it_works_is_not_given_up() {
    let server = McpServer::start(Era::Stateless, &["shed"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "shed").await;

    let result = call(&servers, "shed", "{}").await;

    assert_eq!(result.as_deref(), Ok("{}"));
    assert_eq!(names(&servers), ["shed"]);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn failing_to_connect_opens_the_breaker_and_connecting_closes_it() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let (address, mut settings) = (server.address, settings(vec![http("one", &server)]));
    server.stop().await;
    settings.guard.breaker.max_failures = 1;
    settings.guard.breaker.cool_down = Duration::from_millis(500);

    let servers = started(settings).await;

    assert_eq!(health(&servers).breaker.state, BreakerState::Open);
    let _server = McpServer::start_at(address, Era::Stateless, &["echo"]).await;
    until_offered(&servers, "echo").await;
    assert_eq!(health(&servers).breaker.state, BreakerState::Closed);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn why_a_server_is_not_connected_is_told_until_it_is() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let servers = started(settings(vec![http("one", &server)])).await;
    until_offered(&servers, "echo").await;
    assert_eq!(reason(&servers), None);

    server.set_mood(Some(Mood::Status(500)));
    drop(call(&servers, "echo", "{}").await);
    until("a status is told", || reason(&servers) == Some("it answered HTTP 500".to_owned())).await;
    server.set_mood(None);
    until_offered(&servers, "echo").await;
    assert_eq!(reason(&servers), None);
    server.stop().await;
    drop(call(&servers, "echo", "{}").await);
    let words = "nothing listens at its address";
    until("an end is told", || reason(&servers) == Some(words.to_owned())).await;
    in_time(servers.shut_down()).await;

    let stub = Stub::new("exits");
    let servers = started(settings(vec![stub.server()])).await;
    assert_eq!(reason(&servers), Some("it closed the connection".to_owned()));
    in_time(servers.shut_down()).await;
}

fn reason(servers: &Servers) -> Option<String> {
    match health(servers).detail {
        Detail::Mcp { reason, .. } => reason,
        Detail::Model { .. } | Detail::Fallback { .. } | Detail::Keys { .. } | Detail::Database => {
            panic!("a server reports")
        }
    }
}
