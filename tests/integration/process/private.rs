//! The private listener: health for those who watch the server, whatever happens at the door
//! (ADR 33).

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::connections::{chat, connect, head, with_open_files};
use crate::support::process::{Running, client, get, program};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then};
use crate::support::watchdog::Watchdog;

pub(super) const SOMEWHERE: (&str, &str) = ("ADMIN_ADDR", "127.0.0.1:0");

/// The address that it has told.
pub(super) fn private(server: &Running) -> String {
    let line = server.said("Health and reloads are served on http://");
    let address = line.split("served on ").nth(1).unwrap();
    address.split(',').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_streams_never_starve_a_probe() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let mut command = with_open_files(300, &data, &model);
    let server = Running::spawn(command.env(SOMEWHERE.0, SOMEWHERE.1).env("MAX_STREAMS", "20"));
    let at = private(&server);
    server.ready().await;
    let mut streams = Vec::new();
    for refused in [false, true] {
        for _ in 0..20 {
            let mut stream = connect(&server).await;
            stream.write_all(&chat()).await.unwrap();
            let status = if refused { "HTTP/1.1 429" } else { "HTTP/1.1 200" };
            assert!(head(&mut stream).await.starts_with(status));
            streams.push(stream);
        }
    }
    for _ in 0..300 {
        streams.push(connect(&server).await);
    }

    for path in ["/health/live", "/health/ready", "/health"] {
        let asked = tokio::time::Instant::now();
        let (status, body) = get(&format!("{at}{path}")).await;
        assert_eq!(status, 200, "{path}");
        assert!(asked.elapsed() < Duration::from_secs(2), "{path}: {:?}", asked.elapsed());
        assert_eq!(body.get("breakers").is_some(), path == "/health", "{body}");
    }
    let port = at.rsplit(':').next().unwrap();
    let mut probe = program(data.path());
    let probe = probe.arg("probe").env(SOMEWHERE.0, format!("0.0.0.0:{port}")).env("PORT", "1");
    assert!(probe.output().unwrap().status.success());
}

#[tokio::test]
async fn the_private_address_tells_everything_of_health_and_nothing_else() {
    let data = TempDir::new().unwrap();
    let keys = program(data.path()).args(["keys", "new", "ada"]).env("API_KEYS_FILE", "k").output();
    assert!(keys.unwrap().status.success());
    let server = Running::start(&data, &[SOMEWHERE, ("API_KEYS_FILE", "k")]);
    let at = private(&server);

    let (_, in_private) = get(&format!("{at}/health")).await;
    let (_, in_public) = get(&format!("{}/health", server.url)).await;
    let mut statuses = Vec::new();
    for path in ["/", "/models", "/chat", "/chatkit", "/metrics"] {
        statuses.push(get(&format!("{at}{path}")).await.0);
    }
    let posted = client().post(format!("{at}/chat")).body("{}").send().await.unwrap();
    let named = client().get(format!("{at}/health")).header("host", "evil.example");
    let of_a_page = client().get(format!("{at}/health")).header("origin", "http://localhost:3000");
    let of_a_page = of_a_page.send().await.unwrap();

    assert!(in_private["breakers"].is_object(), "{in_private}");
    assert!(in_public["breakers"].is_null(), "{in_public}");
    assert_eq!((statuses, posted.status().as_u16()), (vec![404; 5], 404));
    assert_eq!(named.send().await.unwrap().status(), 421);
    assert!(!of_a_page.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_address_tells_of_the_drain_until_the_end() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let mut command = with_open_files(1_024, &data, &model);
    let server = Running::spawn(command.env(SOMEWHERE.0, SOMEWHERE.1).env("DRAIN_SECONDS", "60"));
    let at = private(&server);
    server.ready().await;
    let mut stream = connect(&server).await;
    stream.write_all(&chat()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));

    server.signal("-TERM");
    let watchdog = Watchdog::new();
    while tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.is_ok() {
        watchdog.check("the port is closed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ready = get(&format!("{at}/health/ready")).await;
    let health = get(&format!("{at}/health")).await.1;
    drop(stream);
    let (status, lines) = server.end();

    assert_eq!(ready, (503, json!({ "status": "draining" })));
    assert_eq!(health["requests"]["active_streams"], 1, "{health}");
    assert!(status.success(), "{lines:#?}");
}

#[test]
fn a_private_address_that_is_wrong_or_taken_is_told_by_its_name_and_never_by_its_value() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for value in ["8002", "geheim:1", "127.0.0.2", "127.0.0.1:99999", "http://127.0.0.1:1", &taken]
    {
        let data = TempDir::new().unwrap();
        let output = program(data.path()).env("ADMIN_ADDR", value).output().unwrap();

        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("ADMIN_ADDR"), "{value}: {told}");
        assert!(!told.contains(value) && !told.contains("Listening on"), "{value}: {told}");
    }
}

#[tokio::test]
async fn a_private_address_that_others_reach_is_warned_of() {
    let data = TempDir::new().unwrap();
    let mut open = Running::start(&data, &[("ADMIN_ADDR", "0.0.0.0:0")]);
    let closed = Running::start(&data, &[SOMEWHERE]);
    let warning = "whoever reaches this address reads";

    open.wait_for(warning);

    let (_, lines) = closed.stop();
    assert!(!lines.iter().any(|line| line.contains(warning)), "{lines:#?}");
}
