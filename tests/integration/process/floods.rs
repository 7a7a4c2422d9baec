//! What floods of tool servers cost the running program.

use serde_json::json;
use tempfile::TempDir;

use crate::integration::mcp::stub::Stub;
use crate::support::process::{Running, ask};

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
        let before = peak_kib(server.pid());

        let answer = ask(&server.url, &json!({ "message": "what is on my list?" })).await;

        let growth = peak_kib(server.pid()) - before;
        println!("{mode}: {growth} KiB more at the peak, {}", answer["outcome"]);
        assert!(growth < MAX_GROWTH_KIB, "{mode}: {growth} KiB");
        assert_eq!(answer["outcome"], "completed", "{answer}");
        assert!(stub.path("calls").exists(), "{mode}: the tool was not called");
    }
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
