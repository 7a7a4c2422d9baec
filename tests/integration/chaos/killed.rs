//! The program is killed in the middle of a turn, at any moment, and nothing is lost or doubled.
//! What becomes of copies that come late, and of answers to forms, is in `copies.rs`.
//!
//! For a night: `CHAOS_SEEDS=500 cargo test --test it chaos::killed`.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::killing::{Strike, connected, cut, items, post, retry, revived, threads, todos};
use super::{Random, for_each_seed};
use crate::support::app::{create, events_in};
use crate::support::process::{Running, ask, stream};
use crate::support::watchdog::within;

const TITLES: [&str; 3] = ["bread", "eggs", "milk"];

#[derive(Debug)]
struct Plan {
    strike: Strike,
    key: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_turn_loses_nothing_told_and_is_done_once_when_tried_again() {
    for_each_seed(20, 4, survives).await;
}

async fn survives(seed: u64) {
    let plan = Plan { strike: Strike::drawn(&mut Random(seed)), key: format!("seed-{seed}") };
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[("APPROVALS", "never")]);
    connected(&server).await;

    let (header, body) = (("idempotency-key", &*plan.key), create("add milk and eggs and bread"));
    let told = cut(&server, &plan.strike, header, &body).await;
    let server = revived(server, &plan.strike, &data).await;
    let done: Vec<_> = told.iter().filter(|event| event["type"] == "thread.item.done").collect();
    if let Some(first) = told.first() {
        let listed = items(&server, &first["thread"]["id"]).await;
        let known = |event: &&Value| listed.contains(&event["item"]);
        assert!(done.iter().all(known), "{plan:?}: {done:#?} {listed:#?}");
    }
    let said = done.first().map(|event| &event["item"]);
    let again = if let Some(said) = said {
        within("a retry", stream(&server.url, &retry(said))).await
    } else {
        let answer = within("a copy", post(&server, header, &body)).await.unwrap();
        events_in(&within("a copy's end", answer.text()).await.unwrap())
    };
    let thread = the_only_thread(&server, &plan).await;
    let next = json!({ "message": "what is on my list?", "thread_id": thread });
    let listed = items(&server, &thread).await;
    let answer = within("the next message", ask(&server.url, &next)).await;

    let failed = again.iter().any(|event| event["type"] == "error");
    assert!(!failed, "{plan:?}: {again:#?}");
    plan.is_one_turn(said, &listed);
    plan.tells_all(&answer);
    let todos: Vec<_> = todos(data.path()).await.into_iter().map(|(title, _)| title).collect();
    assert_eq!(todos, TITLES, "{plan:?}: {told:#?} {again:#?}");
}

impl Plan {
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

async fn the_only_thread(server: &Running, plan: &Plan) -> Value {
    let listed = threads(server).await;
    assert_eq!(listed.len(), 1, "{plan:?}: {listed:#?}");
    listed[0]["id"].clone()
}
