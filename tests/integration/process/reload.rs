//! Other MCP servers without a restart: SIGHUP, and the private listener (ADR 37).

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::private::{SOMEWHERE, private};
use crate::support::mcp_server::{Era, McpServer};
use crate::support::process::{Running, client, get};
use crate::support::watchdog::until_async;

#[tokio::test]
async fn sighup_has_the_file_read_again_and_what_is_unchanged_stays() {
    let data = TempDir::new().unwrap();
    let (kept, added) = both().await;
    write(&data, &json!({ "kept": { "url": kept.url() }, "gone": todo() }));
    let mut server = Running::start(&data, &[("MCP_CONFIG", "mcp.json"), ("AN_URL", &added.url())]);
    server.ready().await;
    let children = server.children();
    assert_eq!(children.len(), 1);

    write(&data, &json!({ "kept": { "url": kept.url() }, "added": { "url": "${AN_URL}" } }));
    server.signal("-HUP");
    let line = server.wait_for("MCP_CONFIG reloaded");

    for part in [r#"["kept"]"#, r#"["added"]"#, r#"["gone"]"#] {
        assert!(line.replace(r#"\""#, r#"""#).contains(part), "{line}");
    }
    until_async("the new server is connected", async || {
        health(&server).await["mcp"]["added"]["connected"] == true
    })
    .await;
    until_async("the old child is gone", async || server.children().is_empty()).await;
    assert_eq!(kept.sessions(), 1);

    write(&data, &json!({ "kept": 7 }));
    server.signal("-HUP");
    server.wait_for("nothing is changed: server kept: its entry is not an object");
    assert_eq!(health(&server).await["mcp"]["added"]["connected"], true);
    assert!(server.stop().0.success());
}

#[tokio::test]
async fn the_private_listener_reloads_and_tells_what_became_of_each_server() {
    let data = TempDir::new().unwrap();
    let (one, two) = both().await;
    let first = json!({ "one": { "url": one.url() }, "two": { "url": two.url() },
        "bad": { "url": "${NOWHERE}" } });
    write(&data, &first);
    let server = Running::start(&data, &[("MCP_CONFIG", "mcp.json"), SOMEWHERE]);
    server.ready().await;
    let at = private(&server);
    assert_eq!(health(&server).await["mcp"]["bad"]["connected"], false);

    let (status, told) = post(&at).await;
    assert_eq!((status, &told["code"]), (422, &json!("faulty_file")), "{told}");
    assert_eq!(told["errors"][0]["pointer"], "/mcpServers/bad/url", "{told}");
    assert!(told["detail"].as_str().unwrap().contains("NOWHERE"), "{told}");
    write(
        &data,
        &json!({ "two": { "url": two.url(), "timeout_seconds": 5, "later": "geheim" },
        "one": { "url": one.url() }, "new": todo() }),
    );
    let (status, told) = post(&at).await;

    let warning = json!({ "pointer": "/mcpServers/two/later",
        "message": r#"server two: "later" is not known here and does nothing"# });
    let expected = json!({ "kept": ["one"], "changed": ["two"], "added": ["new"],
        "removed": ["bad"], "warnings": [warning] });
    assert_eq!((status, told), (200, expected));
    assert_eq!(one.sessions(), 1);
    std::fs::remove_file(data.path().join("mcp.json")).unwrap();
    let (status, told) = post(&at).await;
    assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("")), "{told}");
    let names: Vec<_> = health(&server).await["mcp"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["new", "one", "two"]);
}

#[tokio::test]
async fn nobody_else_reloads() {
    let data = TempDir::new().unwrap();
    write(&data, &json!({}));
    let server = Running::start(&data, &[("MCP_CONFIG", "mcp.json"), SOMEWHERE]);
    let at = private(&server);
    let of = |url: &str| client().post(format!("{url}/admin/reload"));

    let in_public = of(&server.url).send().await.unwrap();
    let of_a_page = of(&at).header("origin", "http://localhost:3000").send().await.unwrap();
    let elsewhere = of(&at).header("host", "evil.example").send().await.unwrap();
    let got = get(&format!("{at}/admin/reload")).await;

    assert_eq!((in_public.status(), of_a_page.status(), elsewhere.status()), statuses());
    assert_eq!(got.0, 405);
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_reload_and_nothing_ends() {
    let data = TempDir::new().unwrap();
    let mut server = Running::start(&data, &[SOMEWHERE]);
    server.ready().await;
    let children = server.children();

    server.signal("-HUP");
    server.wait_for("There is nothing to reload");
    let (status, told) = post(&private(&server)).await;

    assert_eq!((status, &told["code"]), (409, &json!("nothing_to_reload")), "{told}");
    assert_eq!(server.children(), children);
}

/// It is the same signal, and a server that nobody sees any more must not keep its port.
#[tokio::test]
async fn a_server_ends_with_its_terminal() {
    let data = TempDir::new().unwrap();
    write(&data, &json!({}));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", env!("CARGO_BIN_EXE_orchestrator"), "/dev/null"]);
    terminal.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    terminal.current_dir(data.path()).env("PORT", "0").env("MCP_CONFIG", "mcp.json");
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| {
        let (_, behind) = line.split_once("istening on http://")?;
        Some(behind.split(' ').next().unwrap().to_owned())
    });
    let address = address.unwrap();
    assert!(TcpStream::connect(&address).is_ok());

    terminal.kill().unwrap();

    terminal.wait().unwrap();
    until_async("nobody listens", async || TcpStream::connect(&address).is_err()).await;
}

fn statuses() -> (reqwest::StatusCode, reqwest::StatusCode, reqwest::StatusCode) {
    use reqwest::StatusCode;
    (StatusCode::NOT_FOUND, StatusCode::FORBIDDEN, StatusCode::MISDIRECTED_REQUEST)
}

async fn both() -> (McpServer, McpServer) {
    (
        McpServer::start(Era::Sessions, &["echo"]).await,
        McpServer::start(Era::Sessions, &["echo"]).await,
    )
}

fn write(data: &TempDir, servers: &Value) {
    let draft = data.path().join("draft");
    std::fs::write(&draft, json!({ "mcpServers": servers }).to_string()).unwrap();
    std::fs::rename(draft, data.path().join("mcp.json")).unwrap();
}

/// The bundled server as anybody may configure it.
fn todo() -> Value {
    let program = Path::new(env!("CARGO_BIN_EXE_orchestrator"));
    json!({ "command": program, "args": ["todo"], "env": { "TODO_DATABASE_URL": "memory" } })
}

async fn health(server: &Running) -> Value {
    get(&format!("{}/health", server.url)).await.1
}

async fn post(at: &str) -> (u16, Value) {
    let request = client().post(format!("{at}/admin/reload")).timeout(Duration::from_secs(30));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}
