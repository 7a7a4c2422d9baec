//! Streamable HTTP at `/mcp`, and the health paths beside it.

use std::net::SocketAddr;
use std::time::Duration;

use rmcp::transport::StreamableHttpClientTransport;
use sqlx::{Connection, Executor};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use orchestrator::cli::serve_todo;
use todo::StartError;

use super::talking::works;
use super::*;
use crate::support::postgres;
use crate::support::process::{client, get};

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), StartError>>,
}

impl Served {
    pub(super) async fn start(database: &str) -> Self {
        Self::with(settings(database)).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve_todo(settings, listener, stop.clone()));
        Self { address, stop, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }

    /// The status of a POST to `/mcp` with one more header.
    async fn knock(&self, name: &str, value: &str) -> u16 {
        self.hello(name, value).await.status().as_u16()
    }

    pub(super) async fn hello(&self, name: &str, value: &str) -> reqwest::Response {
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        }});
        let request = client().post(self.url("/mcp")).body(hello.to_string());
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        request.header(name, value).send().await.unwrap()
    }
}

#[tokio::test]
async fn both_revisions_are_spoken_over_http() {
    drop(client());
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let served = Served::start("memory").await;
        let transport = StreamableHttpClientTransport::from_uri(served.url("/mcp"));

        let client = connect(transport, revision.clone()).await;

        works(&client, &revision).await;
        timeout(PATIENCE, client.cancel()).await.unwrap().unwrap();
        served.stop().await;
    }
}

#[tokio::test]
async fn a_session_that_is_ended_is_told_so_in_a_status_that_clients_take() {
    let served = Served::start("memory").await;
    let session = served.hello("mcp-protocol-version", "2025-11-25").await;
    let session = session.headers()["mcp-session-id"].clone();

    let ended = client().delete(served.url("/mcp")).header("mcp-session-id", session).send().await;

    assert_eq!(ended.unwrap().status(), 204);
    served.stop().await;
}

#[tokio::test]
async fn only_known_hosts_and_pages_of_this_machine_may_ask() {
    let served = Served::start("memory").await;

    for (name, value, status) in [
        ("host", "localhost", 200),
        ("host", "localhost:8931", 200),
        ("host", "[::1]:8931", 200),
        ("host", "todo.example:80", 200),
        ("host", "evil.example", 403),
        ("host", "localhost.evil.example", 403),
        ("origin", "http://localhost:8000", 200),
        ("origin", "http://127.0.0.1:3000", 200),
        ("origin", "https://evil.example", 403),
        ("origin", "http://localhost.evil.example", 403),
        ("origin", "null", 403),
    ] {
        assert_eq!(served.knock(name, value).await, status, "{name}: {value}");
    }
    for path in ["/health", "/health/live", "/health/ready", "/mcp", "/nowhere"] {
        for (host, is_known) in [("localhost", true), ("evil.example", false)] {
            let request = client().get(served.url(path)).header("host", host);
            let status = request.send().await.unwrap().status();
            assert_eq!(status != 403, is_known, "{path} of {host}: {status}");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn a_server_with_an_open_session_stops_at_once() {
    drop(client());
    let served = Served::start("memory").await;
    let transport = StreamableHttpClientTransport::from_uri(served.url("/mcp"));
    let session = connect(transport, ProtocolVersion::V_2025_11_25).await;
    works(&session, &ProtocolVersion::V_2025_11_25).await;

    served.stop.cancel();

    timeout(Duration::from_secs(4), served.task).await.unwrap().unwrap().unwrap();
    drop(session);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server() {
    let served = Served::start("memory").await;
    let mut half = TcpStream::connect(served.address).await.unwrap();
    half.write_all(b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf")
        .await
        .unwrap();
    assert_eq!(get(&served.url("/health/live")).await.0, 200);

    served.stop().await;
}

#[tokio::test]
async fn health_is_told_on_three_paths() {
    let served = Served::start("memory").await;

    for (path, names) in [
        ("/health", &["status", "version", "uptime_seconds", "database"][..]),
        ("/health/live", &["status", "version", "uptime_seconds"]),
        ("/health/ready", &["status", "version", "uptime_seconds", "database"]),
    ] {
        let (status, body) = get(&served.url(path)).await;

        assert_eq!((status, &body["status"]), (200, &json!("ok")), "{path}");
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), names, "{path}");
        assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    }
    served.stop().await;
}

#[tokio::test]
async fn a_table_that_is_gone_shows() {
    let folder = TempDir::new().unwrap();
    let database = format!("sqlite://{}/todos.db", folder.path().display());
    let served = Served::start(&database).await;
    assert_eq!(get(&served.url("/health/ready")).await.0, 200);

    let mut other = sqlx::AnyConnection::connect(&database).await.unwrap();
    other.execute("DROP TABLE todos").await.unwrap();

    let (status, report) = get(&served.url("/health/ready")).await;
    assert_eq!((status, &report["database"]), (503, &json!("down")));
    served.stop().await;
}

#[tokio::test]
async fn a_database_that_is_gone_shows_and_the_process_stays_alive() {
    let Some(url) = postgres::database().await else { return };
    let served = Served::start(&url).await;
    assert_eq!(get(&served.url("/health/ready")).await.0, 200);
    let (base, name) = url.rsplit_once('/').unwrap();

    let mut admin = sqlx::PgConnection::connect(&format!("{base}/postgres")).await.unwrap();
    let drop_it = sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    admin.execute(drop_it).await.unwrap();

    let (status, report) = get(&served.url("/health")).await;
    assert_eq!((status, &report["status"]), (200, &json!("down")));
    assert_eq!(report["database"], "down");
    assert_eq!(get(&served.url("/health/ready")).await.0, 503);
    let (status, live) = get(&served.url("/health/live")).await;
    assert_eq!((status, &live["status"], live.get("database")), (200, &json!("ok"), None));
    served.stop().await;
}
