//! Where a server may be: by names that a double resolves, on real sockets (ADR 31).

use orchestrator::domain::BreakerState;
use orchestrator::outbound::ReachableNetworks::{All, Public};

use super::*;
use crate::support::elsewhere::{Redirector, Stranger};
use crate::support::mcp_server::Era;
use crate::support::names::FakeNames;

fn at(url: String) -> ServerSettings {
    trusted("one", Transport::Http { url, headers: Vec::new() })
}

fn advice(servers: &Servers) -> Option<String> {
    let Detail::Mcp { advice, .. } = health(servers).detail else { panic!("a server reports") };
    advice
}

#[tokio::test]
async fn a_name_that_leads_where_it_must_not_is_not_connected_to_and_no_breaker_opens() {
    for (networks, address, part) in
        [(All, "169.254.169.254", "link-local"), (Public, "127.0.0.1", "BLOCK_PRIVATE_NETWORKS")]
    {
        let stranger = Stranger::start().await;
        let names = FakeNames::answering(&[&[address]]);
        let mut settings = settings(vec![at(stranger.url.replace("127.0.0.1", "tools.test"))]);
        settings.outbound = names.outbound(networks);
        settings.guard.breaker.max_failures = 1;

        let servers = started(settings).await;

        assert_eq!(stranger.visits(), 0);
        assert!(!names.asked().is_empty());
        let breaker = health(&servers).breaker;
        assert_eq!((breaker.state, breaker.calls.failed), (BreakerState::Closed, 0));
        let advice = advice(&servers).unwrap();
        assert!(advice.contains("MCP_CONFIG") && advice.contains(part), "{advice}");
        assert!(!advice.contains("tools.test") && !advice.contains(address), "{advice}");
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_name_that_changes_is_followed_to_allowed_addresses_only() {
    let server = McpServer::start(Era::Stateless, &["echo"]).await;
    let names = FakeNames::answering(&[&["169.254.169.254"], &["127.0.0.1"]]);
    let mut settings = settings(vec![at(server.url().replace("127.0.0.1", "localhost"))]);
    settings.outbound = names.outbound(Public);

    let servers = started(settings).await;
    until_offered(&servers, "echo").await;

    assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
    assert_eq!(advice(&servers), None);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed_and_told() {
    for status in [301, 302, 303, 307, 308] {
        let stranger = Stranger::start().await;
        let redirector = Redirector::start(status, format!("{}/mcp", stranger.url)).await;

        let servers = started(settings(vec![at(format!("{}/mcp", redirector.url))])).await;

        assert!(!is_connected(&servers) && !redirector.seen().is_empty());
        assert_eq!(stranger.visits(), 0, "{status}");
        assert!(advice(&servers).unwrap().contains("redirects"), "{:?}", advice(&servers));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_redirect_within_its_origin_is_followed() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["echo"]).await;
        let servers = started(settings(vec![at(server.url().replace("/mcp", "/moved"))])).await;
        until_offered(&servers, "echo").await;

        assert_eq!(call(&servers, "echo", "{}").await.as_deref(), Ok("{}"));
        in_time(servers.shut_down()).await;
    }
}
