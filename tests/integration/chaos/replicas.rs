//! Two houses on one PostgreSQL: one conversation, whichever of them is asked.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use futures::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::doubles::Echo;
use super::killing::post;
use crate::contract::store;
use crate::support::app::{Answer, Choices, TestApp, add, create, events_in, json_request};
use crate::support::postgres;
use crate::support::process::{Running, client, stream};
use crate::support::watchdog::within;

/// How long a thread is held by a server that is dead.
const LEASE_MS: i64 = 12_000;

/// Two of them, with one model.
struct Houses {
    one: TestApp,
    other: TestApp,
    model: Arc<Echo>,
}

#[tokio::test]
async fn messages_sent_to_both_in_turns_and_at_once_are_one_conversation() {
    let Some(houses) = Houses::new().await else { return };
    let thread = houses.one.create("0").await.thread_id();
    for n in 1..7 {
        let house = if n % 2 == 0 { &houses.one } else { &houses.other };
        house.post("/chatkit", &add(&thread, &n.to_string())).await;
    }

    let at_once = (7..15).map(|n| {
        let house = if n % 2 == 0 { &houses.one } else { &houses.other };
        let body = add(&thread, &n.to_string());
        async move { house.post("/chatkit", &body).await }
    });
    let answers = join_all(at_once).await;

    for (n, answer) in (7..15).zip(&answers) {
        let done = answer.events().into_iter().rfind(|event| event["type"] == "thread.item.done");
        assert_eq!(text(&done.unwrap()["item"]), format!("You said {n}."));
    }
    let listed = items(&houses.one, &thread).await;
    assert_eq!(listed, items(&houses.other, &thread).await);
    let mut said = Vec::new();
    for pair in listed.chunks(2) {
        assert_eq!(text(&pair[1]), format!("You said {}.", text(&pair[0])));
        said.push(text(&pair[0]).parse::<u32>().unwrap());
    }
    assert_eq!(said[..7], [0, 1, 2, 3, 4, 5, 6]);
    said.sort_unstable();
    assert_eq!(said, (0..15).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_thread_begun_at_both_at_once_under_one_key_is_begun_once() {
    let Some(houses) = Houses::new().await else { return };
    for n in 1..=10 {
        let (one, other) = houses.ask_both(&create(&n.to_string())).await;

        assert_eq!(last_item(&one), last_item(&other));
        assert_eq!(one.thread_id(), other.thread_id());
        let listed = items(&houses.one, &one.thread_id()).await;
        assert_eq!(listed.len(), 2, "{listed:#?}");
        assert_eq!(houses.model.asked(), n);
    }
    let list = json!({ "type": "threads.list", "params": {} });
    let threads = houses.one.post("/chatkit", &list).await.json();
    assert_eq!(threads["data"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_message_sent_to_both_at_once_under_one_key_is_answered_once() {
    let Some(houses) = Houses::new().await else { return };
    let thread = houses.one.create("0").await.thread_id();
    for n in 1..=10 {
        let (one, other) = houses.ask_both(&add(&thread, &n.to_string())).await;

        assert_eq!(last_item(&one), last_item(&other));
        let listed = items(&houses.one, &thread).await;
        assert_eq!(listed.len(), 2 + 2 * n, "{listed:#?}");
        assert_eq!(houses.model.asked(), 1 + n);
    }
}

#[tokio::test]
async fn a_retry_sent_to_both_at_once_under_one_key_is_made_once() {
    let Some(houses) = Houses::new().await else { return };
    let begun = houses.one.create("hi").await.events();
    let params =
        json!({ "thread_id": begun[0]["thread"]["id"], "item_id": begun[1]["item"]["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    for n in 1..=10 {
        let (one, other) = houses.ask_both(&retry).await;

        assert_eq!(last_item(&one), last_item(&other));
        assert_eq!(houses.model.asked(), 1 + n);
    }
}

#[tokio::test]
async fn when_a_server_is_killed_in_a_turn_another_answers_the_next_message_soon() {
    let Some(url) = postgres::database().await else { return };
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let model = format!("http://{}/v1/", silent.local_addr().unwrap());
    let env = [("GEMINI_API_KEY", "key"), ("GEMINI_BASE_URL", &model), ("DATABASE_URL", &url)];
    let doomed = Running::start(&first, &env);
    let other = Running::start(&second, &[("DATABASE_URL", &url)]);

    let request = client().post(format!("{}/chatkit", doomed.url)).body(create("hi").to_string());
    let mut answer = request.header("content-type", "application/json").send().await.unwrap();
    let begun = answer.chunk().await.unwrap().unwrap();
    let begun = events_in(std::str::from_utf8(&begun).unwrap());
    let thread = begun[0]["thread"]["id"].as_str().unwrap();
    drop(silent.accept().await.unwrap());
    drop(doomed);
    let left = lease_left(&url).await;
    let events = stream(&other.url, &add(thread, "add milk")).await;

    assert_eq!(events.last().unwrap()["item"]["type"], "assistant_message", "{events:#?}");
    assert!((1..=LEASE_MS).contains(&left), "nobody waits longer than that: {left} ms");
}

#[tokio::test]
async fn a_copy_of_a_turn_whose_server_was_killed_is_not_in_its_own_way_at_a_limit_of_one_at_once()
{
    let Some(url) = postgres::database().await else { return };
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let model = format!("http://{}/v1/", silent.local_addr().unwrap());
    let limit = ("CALLER_TURNS_AT_ONCE", "1");
    let env =
        [("GEMINI_API_KEY", "key"), ("GEMINI_BASE_URL", &model), ("DATABASE_URL", &url), limit];
    let doomed = Running::start(&first, &env);
    let other = Running::start(&second, &[("DATABASE_URL", &url), limit]);

    let (key, body) = (("idempotency-key", "a"), create("add milk"));
    let mut answer = post(&doomed, key, &body).await.unwrap();
    drop(answer.chunk().await.unwrap());
    drop(silent.accept().await.unwrap());
    drop(doomed);
    let copy = within("a copy", post(&other, key, &body)).await.unwrap();
    let events = events_in(&within("its end", copy.text()).await.unwrap());

    assert_eq!(events.last().unwrap()["item"]["type"], "assistant_message", "{events:#?}");
}

/// For how many milliseconds the only thread is still held, by the database's clock.
async fn lease_left(url: &str) -> i64 {
    let mut database = PgConnection::connect(url).await.unwrap();
    let left = "SELECT held_until - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) \
        FROM leases";
    sqlx::query_scalar(left).fetch_one(&mut database).await.unwrap()
}

impl Houses {
    async fn new() -> Option<Self> {
        let url = postgres::database().await?;
        let model = Arc::new(Echo::default());
        let house = async || {
            let (model, store) = (Arc::clone(&model) as Arc<_>, Some(store(&url).await));
            TestApp::new(Choices { model, store, ..Choices::default() }).await
        };
        Some(Self { one: house().await, other: house().await, model })
    }

    /// The same request under one new key.
    async fn ask_both(&self, body: &Value) -> (Answer, Answer) {
        let key = uuid::Uuid::new_v4().to_string();
        join(self.one.send(keyed(body, &key)), self.other.send(keyed(body, &key))).await
    }
}

fn keyed(body: &Value, key: &str) -> Request<Body> {
    let mut request = json_request("/chatkit", body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

fn last_item(answer: &Answer) -> Value {
    let events = answer.events();
    let done = events.iter().rfind(|event| event["type"] == "thread.item.done");
    done.unwrap_or_else(|| panic!("{events:#?}"))["item"].clone()
}

async fn items(app: &TestApp, thread: &str) -> Vec<Value> {
    let params = json!({ "thread_id": thread, "limit": 100, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    app.post("/chatkit", &list).await.json()["data"].as_array().unwrap().clone()
}

fn text(item: &Value) -> String {
    item["content"][0]["text"].as_str().unwrap().to_owned()
}
