//! `orchestrator tools login`, as an operator runs it beside a running server (ADR 42).

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::guarded::{CLIENT_SECRET, Guarded, agree};
use crate::support::mcp_server::{Era, McpServer};
use crate::support::process::{Running, client, get, program};
use crate::support::watchdog::until_async;

const PATIENCE: Duration = Duration::from_mins(1);
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A folder whose `MCP_CONFIG` names the server.
fn folder(server: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let servers = json!({ "mcpServers": { "far": { "url": server } } });
    std::fs::write(folder.path().join("mcp.json"), servers.to_string()).unwrap();
    folder
}

fn login(folder: &TempDir, server: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::from(program(folder.path()));
    command.args(["tools", "login", server]).env("MCP_CONFIG", "mcp.json");
    command.envs(environment.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn refusal(mut command: Command) -> String {
    let ended = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}

#[tokio::test]
async fn what_is_missing_for_a_login_is_told_before_anybody_signs_in() {
    let folder = folder("http://127.0.0.1:9/mcp");
    let told = refusal(login(&folder, "far", &[])).await;
    assert!(told.contains("TOKEN_KEY is not set") && told.contains("openssl rand"), "{told}");
    let told = refusal(login(&folder, "far", &[("TOKEN_KEY", "hush")])).await;
    assert!(told.contains("TOKEN_KEY must be 64") && !told.contains("hush"), "{told}");
    let memory = [("TOKEN_KEY", KEY), ("DATABASE_URL", "memory")];
    let told = refusal(login(&folder, "far", &memory)).await;
    assert!(told.contains("DATABASE_URL is memory"), "{told}");
    let told = refusal(login(&folder, "other", &[("TOKEN_KEY", KEY)])).await;
    assert!(told.contains("no server of this name"), "{told}");
    let told = refusal(login(&folder, "far", &[("TOKEN_KEY", KEY)])).await;
    assert!(told.contains("cannot be signed in to"), "{told}");
}

#[tokio::test]
async fn a_running_server_uses_a_login_and_shows_nothing_of_it_at_any_level_of_the_log() {
    let inner = McpServer::start(Era::Stateless, &["echo"]).await;
    let guarded = Guarded::start(&inner).await;
    let folder = folder(&guarded.mcp_url());
    let environment = [("MCP_CONFIG", "mcp.json"), ("TOKEN_KEY", KEY), ("LOG_LEVEL", "trace")];
    let mut shown = vec![
        served(&folder, &environment, |far| {
            far["advice"] == "it requires a sign-in; run `orchestrator tools login far`"
        })
        .await,
    ];

    let mut child = login(&folder, "far", &environment).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let link = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let stray = client().get(callback(&link, "?code=x&state=x")).send().await.unwrap();
    assert_eq!(stray.status(), 404);
    let page = client().get(&link).send().await.unwrap().text().await.unwrap();
    let mut told = String::new();
    let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    child.stderr.take().unwrap().read_to_string(&mut told).await.unwrap();
    assert!(ended.success() && page.starts_with("Signed in"), "{page} {told}");
    assert!(told.contains("Signed in at far, for read"), "{told}");
    shown.extend([page, told]);

    shown.push(served(&folder, &environment, |far| far["connected"] == true).await);
    guarded.end_access();
    let log = served(&folder, &environment, |far| far["connected"] == true).await;
    assert!(log.contains("Token of a tool server renewed"), "{log}");
    shown.push(log);
    guarded.revoke();
    let ended = |far: &Value| far["advice"].as_str().is_some_and(|it| it.contains("was revoked"));
    shown.push(served(&folder, &environment, ended).await);
    for secret in ["access-", "refresh-", CLIENT_SECRET, KEY] {
        for text in &shown {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn an_operator_whose_browser_is_elsewhere_pastes_where_it_ended() {
    let inner = McpServer::start(Era::Stateless, &["echo"]).await;
    let guarded = Guarded::start(&inner).await;
    let folder = folder(&guarded.mcp_url());
    let mut command = login(&folder, "far", &[("TOKEN_KEY", KEY)]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let link = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let back = callback(&link, &format!("?{}", agree(&link).await));

    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("what?\n{back}\n").as_bytes()).await.unwrap();

    let ended = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && told.contains("This is no answer"), "{told}");
    assert!(told.ends_with("Signed in at far, for read\n"), "{told}");
    assert_eq!(guarded.state.lock().unwrap().valid.len(), 1);
}

/// The address to which the browser comes back, with another query.
fn callback(link: &str, query: &str) -> String {
    let link = reqwest::Url::parse(link).unwrap();
    let (_, back) = link.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    format!("{back}{query}")
}

/// Starts the server until its health says so of the tool server; its log and its health.
async fn served(
    folder: &TempDir,
    environment: &[(&str, &str)],
    is_so: impl Fn(&Value) -> bool,
) -> String {
    let running = Running::start(folder, environment);
    let health = async || get(&format!("{}/health", running.url)).await.1;
    until_async("its health says so", async || is_so(&health().await["mcp"]["far"])).await;
    let health = health().await.to_string();
    format!("{health}\n{}", running.stop().1.join("\n"))
}
