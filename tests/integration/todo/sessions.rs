//! The sessions of `todo --http`: how many there are, and how long.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;

use super::http::Served;
use super::*;
use crate::support::process::{Running, client, program};

/// More than the server keeps.
const MANY: usize = 3_000;
const MOST_KEPT: usize = 500;
const MOST_BYTES: u64 = 64 << 20;

#[tokio::test]
async fn three_thousand_sessions_change_little_in_memory() {
    let folder = TempDir::new().unwrap();
    let mut command = program(folder.path());
    command.args(["todo", "--http", "127.0.0.1:0"]).env("TODO_DATABASE_URL", "memory");
    let server = Running::spawn(&mut command);
    let url = format!("{}/mcp", server.url);
    open(&client(), &url).await;
    let before = memory(server.pid());

    let client = client();
    let opening = stream::iter(0..MANY).map(|_| open(&client, &url));
    let sessions: Vec<String> = opening.buffered(16).collect().await;

    let grown = memory(server.pid()).saturating_sub(before);
    println!("{MANY} sessions: {} KiB more", grown >> 10);
    assert!(grown < MOST_BYTES, "{grown} bytes more");
    assert_eq!(ping(&client, &url, &sessions[0]).await, 404);
    assert_eq!(ping(&client, &url, &sessions[MANY - 2 * MOST_KEPT]).await, 404);
    assert_eq!(ping(&client, &url, &sessions[MANY - 1]).await, 200);
    assert_eq!(ping(&client, &url, &sessions[MANY - MOST_KEPT + 16]).await, 200);
    drop(server.stop());
}

#[tokio::test]
async fn a_session_that_is_used_outlives_those_that_are_not() {
    let served = Served::start("memory").await;
    let (client, url) = (client(), served.url("/mcp"));
    let used = open(&client, &url).await;
    let unused = open(&client, &url).await;
    for _ in 0..2 {
        for _ in 0..MOST_KEPT / 2 {
            open(&client, &url).await;
        }
        assert_eq!(ping(&client, &url, &used).await, 200);
    }

    assert_eq!(ping(&client, &url, &unused).await, 404);
    served.stop().await;
}

#[tokio::test]
async fn a_session_ends_after_five_minutes_without_a_message() {
    let served = Served::start("memory").await;
    let url = served.url("/mcp");
    let session = open(&client(), &url).await;

    for (minutes, status) in [(4, 200), (4, 200), (6, 404)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(minutes)).await;
        tokio::time::resume();

        // A connection of its own: an idle one may end in this moment.
        assert_eq!(ping(&client(), &url, &session).await, status);
    }
    served.stop().await;
}

/// The id of a new session that is ready for calls.
async fn open(client: &reqwest::Client, url: &str) -> String {
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    }});
    let opened = post(client, url, hello, None).await;
    assert_eq!(opened.status(), 200);
    let id = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    opened.bytes().await.unwrap();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(post(client, url, ready, Some(&id)).await.status(), 202);
    id
}

async fn ping(client: &reqwest::Client, url: &str, session: &str) -> u16 {
    let ping = json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" });
    let answer = post(client, url, ping, Some(session)).await;
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    status
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    body: Value,
    session: Option<&str>,
) -> reqwest::Response {
    let request = client.post(url).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream");
    let request = match session {
        Some(session) => request.header("mcp-session-id", session),
        None => request,
    };
    request.body(body.to_string()).send().await.unwrap()
}

/// What a process holds, in bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
