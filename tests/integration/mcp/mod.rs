//! The MCP adapter against real servers.

mod addresses;
pub(crate) mod asking;
mod asking_midway;
mod caller_sign_in;
mod calls;
mod catalog;
mod child;
mod connection;
mod content;
mod effects;
mod entries;
mod expired;
mod flight;
mod floods;
mod forwarding;
mod logs;
mod long_results;
mod owners;
mod pictures;
mod pins;
mod places;
mod prompts;
mod reading;
mod reload;
mod sign_in;
pub(crate) mod stub;
mod survival;
mod todo;

use std::sync::Arc;
use std::time::Duration;

use orchestrator::agents::{Interrupt, Progress, ToolError, ToolRequest, Tools};
use orchestrator::domain::{
    ApprovalRule, Caller, Dependency, Detail, HealthProbe, ToolCall, ToolOutput, Trust,
};
use orchestrator::mcp::{ApprovalRules, Pace, ServerSettings, Servers, Settings, Transport};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::doubles::listener;
use crate::support::mcp_server::McpServer;

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn http(name: &str, server: &McpServer) -> ServerSettings {
    let transport = Transport::Http { url: server.url(), headers: Vec::new() };
    trusted(name, transport)
}

fn trusted(name: &str, transport: Transport) -> ServerSettings {
    // What waits for a person is asked elsewhere.
    let approval = ApprovalRules(vec![("*".to_owned(), ApprovalRule::Never)]);
    ServerSettings { trust: Trust::Trusted, approval, ..ServerSettings::new(name, transport) }
}

fn settings(servers: Vec<ServerSettings>) -> Settings {
    let breaker = BreakerSettings { max_failures: 50, cool_down: Duration::from_millis(50) };
    let (min_delay, max_delay) = (Duration::from_millis(20), Duration::from_millis(40));
    let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: false };
    let timeout = Duration::from_secs(10);
    let brief = Duration::from_millis(50);
    let pace = Pace { look_in: brief, longest_pause: brief, steady: brief, answer: PATIENCE };
    Settings {
        servers,
        faults: Vec::new(),
        warnings: Vec::new(),
        call_timeout: timeout,
        connect_timeout: timeout,
        guard,
        pace,
        outbound: Outbound::default(),
        pins: None,
        vault: None,
        public_url: String::new(),
    }
}

async fn started(settings: Settings) -> Arc<Servers> {
    let servers = Servers::start(settings, CancellationToken::new());
    in_time(servers.settled()).await;
    servers
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap()
}

async fn until_offered(servers: &Servers, name: &str) {
    in_time(servers.offers(|catalog| catalog.find(name).is_some())).await;
}

async fn until_missing(servers: &Servers) {
    in_time(servers.offers(|catalog| !catalog.missing.is_empty())).await;
}

async fn call(servers: &Servers, name: &str, arguments: &str) -> Result<String, ToolError> {
    call_with(servers, name, arguments).await
}

async fn call_with(servers: &dyn Tools, name: &str, arguments: &str) -> Result<String, ToolError> {
    let call = tool_call(name, arguments);
    let output = in_time(call_by(servers, &call, Instant::now() + PATIENCE)).await;
    output.map(|output| output.text)
}

fn tool_call(name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: "call_1".into(),
        name: name.to_owned(),
        tool: None,
        arguments: arguments.to_owned(),
        extra: None,
        key: None,
    }
}

async fn call_by(
    servers: &dyn Tools,
    call: &ToolCall,
    deadline: Instant,
) -> Result<ToolOutput, ToolError> {
    call_until(servers, call, deadline, &Interrupt::default()).await
}

async fn call_until(
    servers: &dyn Tools,
    call: &ToolCall,
    deadline: Instant,
    interrupt: &Interrupt,
) -> Result<ToolOutput, ToolError> {
    let progress = Progress::new(call.id.clone(), listener().0);
    servers
        .call(ToolRequest {
            call,
            caller: &Caller::anyone(),
            key: None,
            deadline,
            interrupt,
            progress: &progress,
            resumed: None,
        })
        .await
}

fn names(servers: &Servers) -> Vec<String> {
    servers.catalog().tools.iter().map(|tool| tool.name.clone()).collect()
}

fn health(servers: &Servers) -> Dependency {
    servers.report().into_iter().next().unwrap()
}

fn version(servers: &Servers) -> Option<String> {
    match health(servers).detail {
        Detail::Mcp { protocol_version, .. } => protocol_version,
        Detail::Model { .. } | Detail::Fallback { .. } | Detail::Keys { .. } | Detail::Database => {
            None
        }
    }
}

fn is_connected(servers: &Servers) -> bool {
    matches!(health(servers).detail, Detail::Mcp { connected: true, .. })
}
