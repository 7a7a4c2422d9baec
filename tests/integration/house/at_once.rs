//! The limit of turns at once: which turns count, and what a refusal costs (ADR 30).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::future::join_all;
use orchestrator::chat::Store;
use orchestrator::domain::CallerLimits;
use serde_json::json;

use crate::support::app::{Choices, TestApp, json_request, memory};
use crate::support::callers::{known, with_key};
use crate::support::doubles::{Act, ScriptedModel, says};
use crate::support::faulty::Faulty;

/// Longer than a lease lasts without being renewed.
const LONG: Duration = Duration::from_secs(20);

const fn at_once(turns: u64) -> CallerLimits {
    CallerLimits {
        turns_per_minute: None,
        turns_at_once: Some(turns),
        tokens_per_day: None,
        cost_per_day: None,
    }
}

fn hello() -> Request<Body> {
    json_request("/chat", &json!({ "message": "hi" }))
}

fn keyed(key: &str) -> Request<Body> {
    let mut request = hello();
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

fn hangs() -> Act {
    Act::Hang(Vec::new())
}

/// A store, and how often it was asked for this.
async fn watched(call: &'static str) -> (Arc<dyn Store>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&asked);
    let fails = Box::new(move |name: &str| {
        noted.fetch_add(usize::from(name == call), Ordering::Relaxed);
        false
    });
    (Arc::new(Faulty { store: memory().await, fails, hangs: "" }), asked)
}

/// Another process sees only what the store knows.
#[tokio::test(start_paused = true)]
async fn a_copy_that_goes_on_with_the_first_turn_of_a_thread_runs_as_long_as_any_other() {
    let store = memory().await;
    let house = async |script: Vec<Act>| {
        let (model, store) = (ScriptedModel::new(script), Some(Arc::clone(&store)));
        TestApp::new(Choices { model, store, caller_limits: at_once(1), ..Choices::default() })
            .await
    };
    let (one, other) = (house(vec![hangs(), hangs()]).await, house(vec![says("One.")]).await);
    drop(one.open(keyed("a")).await);
    one.idle().await;

    let copy = one.open(keyed("a")).await;
    tokio::time::sleep(LONG).await;
    let refused = other.send(keyed("b")).await;

    assert_eq!((copy.status().as_u16(), refused.status.as_u16()), (200, 429));
    drop(copy);
    one.idle().await;
    assert_eq!(other.send(keyed("b")).await.status, 200, "it is over");
}

#[tokio::test]
async fn a_refusal_that_this_process_knows_asks_no_store() {
    let (store, asked) = watched("count").await;
    let model = ScriptedModel::new((0..99).map(|_| hangs()));
    let (store, caller_limits) = (Some(store), at_once(2));
    let app = TestApp::new(Choices { model, store, caller_limits, ..Choices::default() }).await;

    let answers = join_all((0..50).map(|_| app.open(hello()))).await;

    let accepted = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((accepted, asked.load(Ordering::Relaxed)), (2, 2));
    let refused = answers.iter().find(|answer| answer.status() == 429).unwrap();
    assert_eq!(refused.headers()["ratelimit"], r#""turns-at-once";r=0"#);
    drop(answers);
    app.idle().await;
    assert_eq!(app.open(hello()).await.status(), 200, "there is room again");
}

#[tokio::test]
async fn those_of_another_caller_take_no_room() {
    let (authentication, [ada, bob]) = known([("", "ada", "chat"), ("", "bob", "chat")]);
    let (model, caller_limits) = (ScriptedModel::new([hangs(), hangs()]), at_once(1));
    let choices = Choices { model, caller_limits, authentication, ..Choices::default() };
    let app = TestApp::new(choices).await;

    let one = app.open(with_key(hello(), &ada)).await;
    let other = app.open(with_key(hello(), &bob)).await;

    assert_eq!((one.status().as_u16(), other.status().as_u16()), (200, 200));
}

#[tokio::test]
async fn a_refused_request_that_may_be_a_copy_is_looked_for_without_a_crowd() {
    let (store, asked) = watched("received").await;
    let model = ScriptedModel::new([says("One."), hangs()]);
    let (store, caller_limits) = (Some(store), at_once(1));
    let app = TestApp::new(Choices { model, store, caller_limits, ..Choices::default() }).await;
    app.send(keyed("a")).await;
    let running = app.open(keyed("b")).await;

    let copy = app.send(keyed("a")).await;
    let before = asked.load(Ordering::Relaxed);
    let other = app.send(keyed("c")).await;

    assert_eq!((running.status().as_u16(), copy.status.as_u16()), (200, 200), "{copy:?}");
    assert_eq!((other.status.as_u16(), asked.load(Ordering::Relaxed) - before), (429, 1));
}
