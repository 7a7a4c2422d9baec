//! Servers that send more than anybody asked for.

use orchestrator::domain::BreakerState;

use super::stub::Stub;
use super::*;
use crate::support::mcp_server::{Era, Mood};

const TOO_LARGE: &str =
    "its answer is larger than 8 MiB or has more than 50,000 parts; ask for less at once";

#[tokio::test]
async fn a_child_that_floods_us_is_disconnected_with_a_reason_and_tried_again() {
    for mode in ["pings", "notes", "junk", "endless"] {
        let stub = Stub::new(mode);
        let servers = started(settings(vec![stub.server()])).await;
        until_offered(&servers, "go").await;

        let result = call(&servers, "go", "{}").await;

        assert_eq!(result, Err(ToolError::Lost), "{mode}");
        until_missing(&servers).await;
        until_offered(&servers, "go").await;
        assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"), "{mode}");
        assert_eq!(stub.starts(), 2, "{mode}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_torn_ends_its_call_at_once_and_no_other() {
    let (large, torn) = (TOO_LARGE, "its answer cannot be read");
    for (mode, words) in [("blocks", large), ("large", large), ("torn", torn)] {
        let stub = Stub::new(mode);
        let servers = started(settings(vec![stub.server()])).await;
        until_offered(&servers, "go").await;

        let result = call(&servers, "go", "{}").await;

        assert_eq!(result, Err(ToolError::Broken(words.to_owned())), "{mode}");
        assert!(is_connected(&servers), "{mode}");
        assert_eq!(health(&servers).breaker.consecutive_failures, 0, "{mode}");
        assert_eq!(stub.starts(), 1, "{mode}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_child_that_fills_its_stderr_works_all_the_same() {
    let stub = Stub::new("noisy");
    let servers = started(settings(vec![stub.server()])).await;

    assert_eq!(call(&servers, "go", "{}").await.as_deref(), Ok("done"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_over_http_that_floods_us_is_disconnected_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;

        server.set_mood(Some(Mood::Floods));
        let result = call(&servers, "echo", "{}").await;

        assert_eq!(result, Err(ToolError::Lost), "{era:?}");
        until_missing(&servers).await;
        server.set_mood(None);
        until_offered(&servers, "echo").await;
        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"), "{era:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn an_answer_of_too_many_parts_ends_its_call_and_no_session_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["blocks", "echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "blocks").await;

        let result = call(&servers, "blocks", "{}").await;

        assert_eq!(result, Err(ToolError::Broken(TOO_LARGE.to_owned())), "{era:?}");
        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"), "{era:?}");
        assert_eq!(health(&servers).breaker.state, BreakerState::Closed, "{era:?}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn an_answer_over_http_that_is_no_stream_has_the_limits_of_one_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![http("one", &server)])).await;
        until_offered(&servers, "echo").await;

        for (parts, letters) in [(300_000, 1), (3, 3_000_000), (1, 20_000_000)] {
            server.set_mood(Some(Mood::Parts(parts, letters)));
            let result = call(&servers, "echo", "{}").await;
            assert_eq!(result, Err(ToolError::Broken(TOO_LARGE.to_owned())), "{era:?} {parts}");
        }

        server.set_mood(Some(Mood::Parts(1, 3)));
        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("xxx"), "{era:?}");
        server.set_mood(None);
        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"), "{era:?}");
        assert!(is_connected(&servers), "{era:?}");
        assert_eq!(health(&servers).breaker.state, BreakerState::Closed, "{era:?}");
        in_time(servers.shut_down()).await;
    }
}
