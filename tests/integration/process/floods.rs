//! What floods of tool servers cost the running program.

use serde_json::json;
use tempfile::TempDir;

use crate::integration::mcp::stub::Stub;
use crate::support::mcp_server::{Era, McpServer, Mood};
use crate::support::process::{Running, ask};
use crate::support::watchdog::until;

/// More than a call that floods may cost at its worst.
const MAX_GROWTH_KIB: u64 = 64 * 1024;

#[tokio::test]
async fn a_flood_costs_little_memory_and_the_turn_ends() {
    for mode in ["pings", "notes", "junk", "endless", "blocks", "large", "noisy"] {
        let (data, stub) = (TempDir::new().unwrap(), Stub::new(mode));
        stub.write_program(&data.path().join("flood"));
        let config = json!({ "mcpServers": { "flood": { "command": "./flood", "approval": "never",
            "env": { "TOOL": "list_todos" } } } });
        std::fs::write(data.path().join("mcp.json"), config.to_string()).unwrap();
        let server = Running::start(&data, &[("MCP_CONFIG", "mcp.json")]);
        server.ready().await;
        ask(&server.url, &json!({ "message": "hello" })).await;
        let (before, before_pipes) = (peak_kib(server.pid()), pipes(server.pid()));

        let answer = ask(&server.url, &json!({ "message": "what is on my list?" })).await;

        let growth = peak_kib(server.pid()) - before;
        println!("{mode}: {growth} KiB more at the peak, {}", answer["outcome"]);
        assert!(growth < MAX_GROWTH_KIB, "{mode}: {growth} KiB");
        assert_eq!(answer["outcome"], "completed", "{answer}");
        assert!(stub.path("calls").exists(), "{mode}: the tool was not called");
        until(&format!("{mode}: one child is there, and no pipe is left open"), || {
            server.children().len() == 1 && pipes(server.pid()) <= before_pipes
        })
        .await;
    }
}

/// 500,000 parts took 612 MB.
#[tokio::test]
async fn an_answer_over_http_costs_little_memory_whatever_is_in_it() {
    let tools = McpServer::start(Era::Sessions, &["list_todos"]).await;
    let data = TempDir::new().unwrap();
    let config = json!({ "mcpServers": { "flood": { "url": tools.url(), "approval": "never" } } });
    std::fs::write(data.path().join("mcp.json"), config.to_string()).unwrap();
    let server = Running::start(&data, &[("MCP_CONFIG", "mcp.json")]);
    server.ready().await;
    ask(&server.url, &json!({ "message": "hello" })).await;
    let before = peak_kib(server.pid());
    for (parts, letters) in [(500_000, 1), (1, 15_000_000)] {
        tools.set_mood(Some(Mood::Parts(parts, letters)));

        let answer = ask(&server.url, &json!({ "message": "what is on my list?" })).await;

        let growth = peak_kib(server.pid()) - before;
        println!("{parts} parts over HTTP: {growth} KiB more at the peak, {}", answer["outcome"]);
        assert!(growth < MAX_GROWTH_KIB, "{parts}: {growth} KiB");
        assert_eq!(answer["outcome"], "completed", "{answer}");
        assert!(answer.to_string().contains("50,000 parts"), "{answer}");
    }
}

/// Its pipes to children, and what it waits for their ends with.
fn pipes(pid: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    let names = links.map(|link| link.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("pipe:") || name.contains("pidfd")).count()
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
