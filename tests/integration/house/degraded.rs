//! The house with parts of it gone.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use orchestrator::chat::Store;
use orchestrator::domain::Outcome;
use serde_json::json;

use crate::support::app::{Choices, TestApp, create, json_request, memory, read_events};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, says};
use crate::support::faulty::Faulty;

#[tokio::test]
async fn without_any_tool_server_the_chat_answers_and_tells_user_and_model() {
    let model = ScriptedModel::new([says("I have no tools.")]);
    let tools = FakeTools::without_servers();
    let app = TestApp::new(Choices { model: model.clone(), tools, ..Choices::default() }).await;

    let answer = app.create("add milk").await;

    let notice = answer.events().into_iter().find(|event| event["type"] == "notice").unwrap();
    assert_eq!(notice["level"], "warning");
    assert!(notice["message"].as_str().unwrap().contains("todo"));
    assert!(model.asked()[0].system.contains("cannot be reached now: todo"));
    assert_eq!(answer.types().last().unwrap(), "done assistant_message");
}

#[tokio::test]
async fn a_store_that_fails_before_the_message_is_kept_is_told_as_an_event_or_a_503() {
    let app = failing(0, []).await;

    let chatkit = app.create("hi").await;
    let short = app.post("/chat", &json!({ "message": "hi" })).await;

    assert_eq!((chatkit.status.as_u16(), short.status.as_u16()), (200, 503));
    assert_eq!(chatkit.events().len(), 1);
    assert_eq!(chatkit.events()[0]["allow_retry"], json!(true));
}

#[tokio::test]
async fn nothing_is_shown_as_done_that_was_not_kept() {
    let app = failing(1, [says("An answer.")]).await;

    let answer = app.create("hi").await;

    assert_eq!(answer.types().last().unwrap(), "error");
    assert!(!answer.types().contains(&"done assistant_message".to_owned()));
    assert!(answer.text.contains("could not be saved"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_end_was_not_kept_says_so_and_is_gone_on_with_by_its_copies() {
    let has_failed = AtomicUsize::new(0);
    let fails = move |call| call == "end" && has_failed.fetch_add(1, Relaxed) == 0;
    let (store, fails) = (memory().await, Box::new(fails));
    let store: Arc<dyn Store> = Arc::new(Faulty { store, fails, hangs: "" });
    let model = ScriptedModel::new([says("An answer."), says("The same.")]);
    let app = TestApp::new(Choices { model, store: Some(store), ..Choices::default() }).await;
    let request = || {
        let mut request = json_request("/chatkit", &create("hi"));
        request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
        request
    };

    let first = app.send(request()).await;
    let settled = app.store.received("key:once").await.unwrap().unwrap().end.unwrap().ending;
    let again = app.send(request()).await;

    assert_eq!((settled.outcome, settled.is_final), (Outcome::Failed, false));
    assert_eq!(first.types().last().unwrap(), "error", "{}", first.text);
    assert!(first.text.contains("could not be saved"), "{}", first.text);
    assert!(!first.types().contains(&"done assistant_message".to_owned()));
    assert_eq!(again.types().last().unwrap(), "done assistant_message", "{}", again.text);
    assert_eq!(again.thread_id(), first.thread_id());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_outlives_the_drain_ends_with_an_honest_event() {
    let app = TestApp::scripted([Act::Hang(Vec::new())]).await;
    let response = app.open(json_request("/chatkit", &create("hi"))).await;

    let (events, ()) =
        tokio::join!(read_events(response, 100), app.chat.drain(Duration::from_secs(30)));

    let last = events.last().unwrap();
    assert_eq!(last["type"], "error");
    assert!(last["message"].as_str().unwrap().contains("restarting"), "{last}");
}

/// A house whose store keeps so many entries and then none.
async fn failing(kept: usize, script: impl IntoIterator<Item = Act>) -> TestApp {
    let left = AtomicUsize::new(kept);
    let fails = move |call| {
        matches!(call, "create" | "begin" | "add" | "end")
            && left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
    };
    let (store, fails) = (memory().await, Box::new(fails));
    let store: Arc<dyn Store> = Arc::new(Faulty { store, fails, hangs: "" });
    let model = ScriptedModel::new(script);
    TestApp::new(Choices { model, store: Some(store), ..Choices::default() }).await
}
