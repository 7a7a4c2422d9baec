//! The program is killed in the middle of a turn, at any moment, and nothing is lost or doubled.

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

use super::{Random, for_each_seed};
use crate::support::app::{create, events_in};
use crate::support::process::{Running, ask, client, get, stream};
use crate::support::watchdog::{Watchdog, until};

const TITLES: [&str; 3] = ["bread", "eggs", "milk"];

/// A turn has about so many events.
const EVENTS: u64 = 24;

/// Two events are hardly further apart than this.
const PAUSE: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Server,
    Child,
    Both,
}

/// Who is killed, and when: so many microseconds after so many events.
#[derive(Debug)]
struct Plan {
    victim: Victim,
    events: usize,
    pause: Duration,
    key: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_turn_loses_nothing_told_and_is_done_once_when_tried_again() {
    for_each_seed(20, 4, survives).await;
}

async fn survives(seed: u64) {
    let plan = Plan::drawn(seed);
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    connected(&server).await;

    let told = cut(&server, &plan).await;
    let server = if plan.victim == Victim::Child { server } else { restarted(server, &data).await };
    connected(&server).await;
    let done: Vec<_> = told.iter().filter(|event| event["type"] == "thread.item.done").collect();
    if let Some(first) = told.first() {
        let listed = items(&server, &first["thread"]["id"]).await;
        let known = |event: &&Value| listed.contains(&event["item"]);
        assert!(done.iter().all(known), "{plan:?}: {done:#?} {listed:#?}");
    }
    let said = done.first().map(|event| &event["item"]);
    let again = match said {
        Some(said) => stream(&server.url, &retry(said)).await,
        None => events_in(&post(&server, &plan.key).await.unwrap().text().await.unwrap()),
    };
    let thread = the_only_thread(&server, &plan).await;
    let next = json!({ "message": "what is on my list?", "thread_id": thread });
    let listed = items(&server, &thread).await;
    let answer = ask(&server.url, &next).await;

    let failed = again.iter().any(|event| event["type"] == "error");
    assert!(!failed, "{plan:?}: {again:#?}");
    plan.is_one_turn(said, &listed);
    plan.tells_all(&answer);
    assert_eq!(todos(data.path()).await, TITLES, "{plan:?}: {told:#?} {again:#?}");
}

impl Plan {
    fn drawn(seed: u64) -> Self {
        let mut random = Random(seed);
        Self {
            victim: random.one_of(&[Victim::Server, Victim::Child, Victim::Both]),
            events: usize::try_from(random.below(EVENTS)).unwrap(),
            pause: Duration::from_micros(random.below(PAUSE)),
            key: format!("seed-{seed}"),
        }
    }

    fn strike(&self, server: &Running) {
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

    /// One message, the one that was told, and its answer.
    fn is_one_turn(&self, said: Option<&Value>, listed: &[Value]) {
        let messages = listed.iter().filter(|item| item["type"] == "user_message").count();
        assert_eq!(messages, 1, "{self:?}: {listed:#?}");
        assert_eq!(&listed[0], said.unwrap_or(&listed[0]), "{self:?}");
        assert_eq!(listed.last().unwrap()["type"], "assistant_message", "{self:?}: {listed:#?}");
    }

    fn tells_all(&self, answer: &Value) {
        assert_eq!(answer["outcome"], "completed", "{self:?}: {answer}");
        let said = answer["message"].as_str().unwrap().to_lowercase();
        assert!(TITLES.iter().all(|title| said.contains(title)), "{self:?}: {said}");
    }
}

/// Asks for the todos and kills as planned; what was told until the stream ended or broke off.
async fn cut(server: &Running, plan: &Plan) -> Vec<Value> {
    let text = Arc::new(Mutex::new(String::new()));
    let (heard, request) = (Arc::clone(&text), post(server, &plan.key));
    let listening = tokio::spawn(async move {
        let Ok(response) = request.await else { return };
        let mut body = response.bytes_stream();
        while let Some(Ok(piece)) = body.next().await {
            heard.lock().unwrap().push_str(std::str::from_utf8(&piece).unwrap());
        }
    });
    let count = || text.lock().unwrap().matches("\n\n").count();
    until("so many events came", || count() >= plan.events || listening.is_finished()).await;
    let reached = Instant::now();
    while reached.elapsed() < plan.pause {
        tokio::task::yield_now().await;
    }
    plan.strike(server);
    listening.await.unwrap();
    let text = std::mem::take(&mut *text.lock().unwrap());
    let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
    events_in(&text[..whole])
}

/// The next server over the same files, once the dead one's lease is over.
async fn restarted(dead: Running, data: &TempDir) -> Running {
    drop(dead);
    if data.path().join("data/orchestrator.db").exists() {
        let mut database = database(data.path(), "orchestrator").await;
        // As after twelve seconds.
        let over = sqlx::query("UPDATE leases SET held_until = 1 WHERE held_until > 0")
            .execute(&mut database)
            .await;
        over.unwrap();
    }
    Running::start(data, &[])
}

/// Waits until the todo server is there.
async fn connected(server: &Running) {
    let watchdog = Watchdog::new();
    while get(&format!("{}/health", server.url)).await.1["mcp"]["todo"]["connected"] != true {
        watchdog.check("the todo server is there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn post(
    server: &Running,
    key: &str,
) -> impl Future<Output = reqwest::Result<reqwest::Response>> + Send + 'static {
    let request = client().post(format!("{}/chatkit", server.url)).header("idempotency-key", key);
    let body = create("add milk and eggs and bread").to_string();
    request.header("content-type", "application/json").body(body).send()
}

fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}

async fn items(server: &Running, thread: &Value) -> Vec<Value> {
    let params = json!({ "thread_id": thread, "limit": 9_999, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    ask(&server.url, &list).await["data"].as_array().unwrap().clone()
}

async fn the_only_thread(server: &Running, plan: &Plan) -> Value {
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = ask(&server.url, &list).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{plan:?}: {listed:#?}");
    listed["data"][0]["id"].clone()
}

async fn todos(data: &Path) -> Vec<String> {
    let mut database = database(data, "todos").await;
    let titles = sqlx::query_scalar::<_, String>("SELECT title_key FROM todos ORDER BY title_key");
    titles.fetch_all(&mut database).await.unwrap()
}

async fn database(data: &Path, name: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}/data/{name}.db", data.display());
    AnyConnection::connect(&url).await.unwrap()
}
