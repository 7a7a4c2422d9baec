//! What the kill tests share: the moment of a kill, the turn that it cuts, the program started again.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::time::Instant;

use super::Random;
use crate::support::app::events_in;
use crate::support::process::{Running, ask, client, get};
use crate::support::watchdog::{Watchdog, until, within};

/// A turn has about so many events.
const EVENTS: u64 = 24;

/// Two events are hardly further apart than this.
const PAUSE: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Server,
    Child,
    Both,
}

/// Who is killed, and when: so many microseconds after so many events.
#[derive(Debug)]
pub(super) struct Strike {
    pub(super) victim: Victim,
    events: usize,
    pause: Duration,
}

impl Strike {
    pub(super) fn drawn(random: &mut Random) -> Self {
        Self {
            victim: random.one_of(&[Victim::Server, Victim::Child, Victim::Both]),
            events: usize::try_from(random.below(EVENTS)).unwrap(),
            pause: Duration::from_micros(random.below(PAUSE)),
        }
    }

    fn hit(&self, server: &Running) {
        let children = server.children();
        let (server, children) = match self.victim {
            Victim::Server => (Some(server.pid()), Vec::new()),
            Victim::Child => (None, children),
            Victim::Both => (Some(server.pid()), children),
        };
        for pid in children.into_iter().chain(server) {
            kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
        }
    }
}

/// Sends a request and kills as planned; what was told until the stream ended or broke off.
pub(super) async fn cut(
    server: &Running,
    strike: &Strike,
    header: (&'static str, &str),
    body: &Value,
) -> Vec<Value> {
    let text = Arc::new(Mutex::new(Vec::new()));
    let (heard, request) = (Arc::clone(&text), post(server, header, body));
    let listening = tokio::spawn(async move {
        let Ok(response) = request.await else { return };
        let mut body = response.bytes_stream();
        while let Some(Ok(piece)) = body.next().await {
            heard.lock().unwrap().extend_from_slice(&piece);
        }
    });
    let count = || text.lock().unwrap().windows(2).filter(|pair| pair == b"\n\n").count();
    until("so many events came", || count() >= strike.events || listening.is_finished()).await;
    let reached = Instant::now();
    while reached.elapsed() < strike.pause {
        tokio::task::yield_now().await;
    }
    strike.hit(server);
    within("the stream ends or breaks off", listening).await.unwrap();
    let text = std::mem::take(&mut *text.lock().unwrap());
    let text = String::from_utf8_lossy(&text);
    let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
    events_in(&text[..whole])
}

/// The program after the kill, with its todo server; the next one over the same files, once the
/// dead one's lease is over.
pub(super) async fn revived(server: Running, strike: &Strike, data: &TempDir) -> Running {
    let server = match strike.victim {
        Victim::Child => server,
        Victim::Server | Victim::Both => restarted(server, data).await,
    };
    connected(&server).await;
    server
}

async fn restarted(dead: Running, data: &TempDir) -> Running {
    drop(dead);
    if data.path().join("data/orchestrator.db").exists() {
        let mut database = database(data.path(), "orchestrator").await;
        // As after twelve seconds.
        let over = "UPDATE leases SET held_until = (SELECT ms FROM clock) - 1 WHERE held_until > 0";
        sqlx::query(over).execute(&mut database).await.unwrap();
    }
    Running::start(data, &[("APPROVALS", "never")])
}

/// Waits until it is ready and the todo server is there.
pub(super) async fn connected(server: &Running) {
    server.ready().await;
    let watchdog = Watchdog::new();
    while get(&format!("{}/health", server.url)).await.1["mcp"]["todo"]["connected"] != true {
        watchdog.check("the todo server is there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn post(
    server: &Running,
    (name, value): (&'static str, &str),
    body: &Value,
) -> impl Future<Output = reqwest::Result<reqwest::Response>> + Send + 'static {
    let request = client().post(format!("{}/chatkit", server.url)).header(name, value);
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send()
}

pub(super) fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}

pub(super) async fn threads(server: &Running) -> Vec<Value> {
    let list = json!({ "type": "threads.list", "params": {} });
    ask(&server.url, &list).await["data"].as_array().unwrap().clone()
}

/// What a thread lists, oldest first.
pub(super) async fn items(server: &Running, thread: &Value) -> Vec<Value> {
    let params = json!({ "thread_id": thread, "limit": 9_999, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    ask(&server.url, &list).await["data"].as_array().unwrap().clone()
}

/// The todos by title, each with its status.
pub(super) async fn todos(data: &Path) -> Vec<(String, String)> {
    let all = "SELECT title_key, status FROM todos WHERE deleted_at IS NULL ORDER BY title_key";
    sqlx::query_as(all).fetch_all(&mut database(data, "todos").await).await.unwrap()
}

/// The tools of all calls that changed something.
pub(super) async fn changes(data: &Path) -> Vec<String> {
    let all = "SELECT tool FROM keyed_calls ORDER BY made_at";
    sqlx::query_scalar(all).fetch_all(&mut database(data, "todos").await).await.unwrap()
}

async fn database(data: &Path, name: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}/data/{name}.db", data.display());
    AnyConnection::connect(&url).await.unwrap()
}
