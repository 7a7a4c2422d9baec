//! The same request once more: late, after something else, after a crash, after a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use futures::StreamExt;
use orchestrator::agents::{Delta, ModelError, SpendBudget};
use orchestrator::chat::{Claim, Resource, Store};
use orchestrator::domain::{Owner, ThreadId};
use serde_json::{Value, json};

use crate::support::app::{
    Answer, Choices, TestApp, add, create, events_in, json_request, memory, read_events,
};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, fails, says};
use crate::support::faulty::Faulty;

/// A lease that nobody renews is over by then.
const LEASE_OVER: Duration = Duration::from_secs(13);

#[tokio::test]
async fn a_late_copy_of_a_request_that_was_cut_undoes_nothing_that_came_after_it() {
    for opens in [true, false] {
        let app = TestApp::scripted([says("First."), half(), says("Later."), says("Never.")]).await;
        let first = app.create("first").await.thread_id();
        let body = if opens { create("cut") } else { add(&first, "cut") };
        let told = read_events(app.open(keyed(&body, "K1")).await, 5).await;
        app.idle().await;
        let thread = the_thread(&app).await;
        app.send(keyed(&add(&thread, "later"), "K2")).await;
        let before = items(&app, &thread).await;

        let again = app.send(keyed(&body, "K1")).await;

        assert_eq!(items(&app, &thread).await, before, "{told:#?} {}", again.text);
        let end = again.events().pop().unwrap();
        assert_eq!((&end["type"], &end["allow_retry"]), (&json!("error"), &json!(false)), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_process_died_is_over_once_the_conversation_went_on() {
    for header in ["idempotency-key", "chatkit-frame-instance-id"] {
        for opens in [true, false] {
            let house = Mortal::new([says("First."), half(), says("Later."), says("Anew.")]).await;
            let thread = house.app.create("first").await.thread_id();
            let body = if opens { create("yes") } else { add(&thread, "yes") };
            let died = house.dies_in(with(&body, header, "K1")).await;
            let thread = died.unwrap_or(thread);
            house.app.post("/chatkit", &add(&thread, "later")).await;
            let before = items(&house.app, &thread).await;

            let again = house.app.send(with(&body, header, "K1")).await;

            let after = items(&house.app, &thread).await;
            assert_eq!(after[..before.len()], before[..], "{header} {opens}: {}", again.text);
            let is_told_again = header == "idempotency-key";
            let end = again.events().pop().unwrap();
            assert_eq!(end["type"] == "error", is_told_again, "{header} {opens}: {end}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_process_died_is_gone_on_with_while_nothing_else_came() {
    for header in ["idempotency-key", "chatkit-frame-instance-id"] {
        let house = Mortal::new([half(), says("Whole.")]).await;
        let thread = house.dies_in(with(&create("go"), header, "K1")).await.unwrap();

        let again = house.app.send(with(&create("go"), header, "K1")).await;

        assert_eq!(again.types().last().unwrap(), "done assistant_message", "{}", again.text);
        let listed = items(&house.app, &thread).await;
        let kinds: Vec<_> = listed.iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["user_message", "assistant_message"], "{listed:#?}");
    }
}

#[tokio::test]
async fn a_form_that_was_answered_is_not_answered_again_after_something_else() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let app = TestApp::scripted([asks, says("Two."), says("Later.")]).await;
    let told = app.create("add some").await.events();
    let form = told.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let thread = form["item"]["thread_id"].as_str().unwrap();
    let params = json!({
        "thread_id": thread, "item_id": form["item"]["id"],
        "input": { "answers": { "q1": { "values": ["2"] } } },
    });
    let answer = json!({ "type": "threads.add_structured_input", "params": params });
    app.send(keyed(&answer, "K1")).await;
    app.post("/chatkit", &add(thread, "later")).await;
    let before = items(&app, thread).await;

    let same = app.send(keyed(&answer, "K1")).await;
    let other = app.send(keyed(&answer, "K2")).await;

    assert_eq!(items(&app, thread).await, before);
    assert_eq!(same.types().last().unwrap(), "done assistant_message", "{}", same.text);
    assert_eq!(other.status, 409, "{}", other.text);
}

#[tokio::test]
async fn a_copy_of_what_a_retry_has_forgotten_is_told_so() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let app = TestApp::scripted([asks, says("Two."), says("Later."), says("Anew.")]).await;
    let told = app.create("add some").await.events();
    let form = told.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let thread = form["item"]["thread_id"].as_str().unwrap();
    let params = json!({
        "thread_id": thread, "item_id": form["item"]["id"],
        "input": { "answers": { "q1": { "values": ["2"] } } },
    });
    let answer = json!({ "type": "threads.add_structured_input", "params": params });
    app.send(keyed(&answer, "K1")).await;
    app.send(keyed(&add(thread, "later"), "K2")).await;
    let said = items(&app, thread).await.remove(0);
    let params = json!({ "thread_id": thread, "item_id": said["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    app.post("/chatkit", &retry).await;
    let before = items(&app, thread).await;

    for (body, key) in [(answer, "K1"), (add(thread, "later"), "K2")] {
        let copy = app.send(keyed(&body, key)).await;

        let end = copy.events().pop().unwrap();
        assert_eq!((&end["type"], &end["allow_retry"]), (&json!("error"), &json!(false)), "{key}");
        assert_eq!(items(&app, thread).await, before, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_what_a_retry_has_answered_is_told_that_answer_as_whole() {
    let house = Mortal::new([half(), says("Whole.")]).await;
    let thread = house.dies_in(keyed(&create("go"), "K1")).await.unwrap();
    let said = items(&house.app, &thread).await.remove(0);
    let params = json!({ "thread_id": thread, "item_id": said["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    house.app.post("/chatkit", &retry).await;
    let before = items(&house.app, &thread).await;

    let copy = house.app.send(keyed(&create("go"), "K1")).await;

    assert_eq!(copy.types().last().unwrap(), "done assistant_message", "{}", copy.text);
    assert_eq!(items(&house.app, &thread).await, before);
}

#[tokio::test]
async fn an_end_that_allows_a_retry_is_gone_on_with_under_the_same_key() {
    let unavailable = ModelError::Unavailable { reason: "down".into(), retry_in: None };
    for error in [unavailable, ModelError::TimedOut("silence"), ModelError::Empty] {
        let adds = calls(&[("add", json!({ "n": 1 }))]);
        let model = ScriptedModel::new([adds, fails(error), says("It is there.")]);
        let tools = FakeTools::new(&["add"]);
        let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
        let app = TestApp::new(choices).await;

        let first = app.send(keyed(&create("go"), "K1")).await;
        let again = app.send(keyed(&create("go"), "K1")).await;
        let last = app.send(keyed(&create("go"), "K1")).await;

        assert_eq!(first.events().pop().unwrap()["type"], "error");
        assert_eq!(again.types().last().unwrap(), "done assistant_message", "{}", again.text);
        assert_eq!(last.events().pop(), again.events().pop(), "a whole answer is told again");
        assert_eq!(tools.made().len(), 1);
        assert_eq!(model.asked().len(), 3);
    }
}

#[tokio::test]
async fn whoever_chose_to_stop_is_told_the_same_end_again() {
    let adds = calls(&[("add", json!({ "n": 1 }))]);
    let model = ScriptedModel::new([adds]);
    let budget = SpendBudget { max_tokens: Some(12), max_cost: None };
    let choices = Choices { model: model.clone(), budget, ..Choices::default() };
    let app = TestApp::new(choices).await;
    let asked = app.create("add two").await.events();
    let form = asked.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let params = json!({
        "thread_id": form["item"]["thread_id"], "item_id": form["item"]["id"],
        "input": { "answers": { "budget": { "values": ["Stop here"] } } },
    });
    let answer = json!({ "type": "threads.add_structured_input", "params": params });

    let first = app.send(keyed(&answer, "K1")).await.events();
    let again = app.send(keyed(&answer, "K1")).await.events();

    assert_eq!(first.last().unwrap()["type"], "thread.item.done");
    assert_eq!(again, first);
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test]
async fn a_refused_request_leaves_nothing_behind() {
    let store = memory().await;
    let choices = Choices { store: Some(Arc::clone(&store)), ..Choices::default() };
    let app = TestApp::new(choices).await;
    let retry = json!({ "thread_id": "thr_nowhere", "item_id": "msg_nowhere" });
    let retry = json!({ "type": "threads.retry_after_item", "params": retry });
    for body in [add("thr_nowhere", "hi"), retry] {
        app.send(keyed(&body, "K1")).await;

        assert!(store.received("key:K1").await.unwrap().is_none(), "{body}");
    }
}

#[tokio::test]
async fn a_deleted_thread_takes_its_receipts_with_it() {
    let store = memory().await;
    let model = ScriptedModel::new([says("One."), says("Two.")]);
    let choices = Choices { store: Some(Arc::clone(&store)), model, ..Choices::default() };
    let app = TestApp::new(choices).await;
    let thread = app.send(keyed(&create("hi"), "K1")).await.thread_id();
    assert!(store.received("key:K1").await.unwrap().is_some());

    let delete = json!({ "type": "threads.delete", "params": { "thread_id": thread } });
    app.post("/chatkit", &delete).await;

    assert!(store.received("key:K1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_that_settles_a_form_is_kept_with_it_or_not_at_all() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let is_full = Arc::new(AtomicBool::new(false));
    let full = Arc::clone(&is_full);
    // Whatever is written before the message would be kept.
    let fails = Box::new(move |name: &str| full.load(Ordering::Relaxed) && name == "begin");
    let store: Arc<dyn Store> = Arc::new(Faulty { store: memory().await, fails, hangs: "" });
    let model = ScriptedModel::new([asks, says("Never mind.")]);
    let choices = Choices { store: Some(store), model, ..Choices::default() };
    let app = TestApp::new(choices).await;
    let thread = app.create("add some").await.thread_id();
    let before = items(&app, &thread).await;

    is_full.store(true, Ordering::Relaxed);
    let refused = app.post("/chatkit", &add(&thread, "never mind")).await;

    assert_eq!(refused.events().pop().unwrap()["type"], "error", "{}", refused.text);
    assert_eq!(items(&app, &thread).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_turn_longer_than_a_lease_keeps_its_thread_and_one_that_is_not_renewed_loses_it() {
    for hangs in ["", "renew"] {
        let store = memory().await;
        let fails = Box::new(|_: &str| false);
        let faulty: Arc<dyn Store> = Arc::new(Faulty { store: store.clone(), fails, hangs });
        let model = ScriptedModel::new([half()]);
        let choices = Choices { store: Some(faulty), model, ..Choices::default() };
        let app = TestApp::new(choices).await;
        let response = app.open(json_request("/chatkit", &create("go"))).await;
        let mut body = response.into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        let told = events_in(std::str::from_utf8(&first).unwrap());
        let thread = ThreadId::from(told[0]["thread"]["id"].as_str().unwrap());

        tokio::time::sleep(Duration::from_mins(1)).await;
        let claim = store.claim(&Owner::anyone(), &Resource::from(&thread)).await.unwrap();

        assert_eq!(claim == Claim::Taken, hangs.is_empty(), "{hangs}: {claim:?}");
        drop(body);
        app.idle().await;
    }
}

/// A house whose store can be made to lose what is written at the end of a turn, as when the
/// process dies before it.
struct Mortal {
    app: TestApp,
    is_dying: Arc<AtomicBool>,
}

impl Mortal {
    async fn new(script: impl IntoIterator<Item = Act>) -> Self {
        let is_dying = Arc::new(AtomicBool::new(false));
        let dying = Arc::clone(&is_dying);
        let fails = Box::new(move |name: &str| {
            dying.load(Ordering::Relaxed)
                && matches!(name, "begin" | "add" | "end" | "settle" | "release" | "renew")
        });
        let store: Arc<dyn Store> = Arc::new(Faulty { store: memory().await, fails, hangs: "" });
        let model = ScriptedModel::new(script);
        let choices = Choices { store: Some(store), model, ..Choices::default() };
        Self { app: TestApp::new(choices).await, is_dying }
    }

    /// Begins a turn and dies in it; the thread, if the turn began it.
    async fn dies_in(&self, request: Request<Body>) -> Option<String> {
        let response = self.app.open(request).await;
        let told = read_events(response, 6).await;
        self.is_dying.store(true, Ordering::Relaxed);
        self.app.idle().await;
        tokio::time::sleep(LEASE_OVER).await;
        self.is_dying.store(false, Ordering::Relaxed);
        told[0]["thread"]["id"].as_str().map(str::to_owned)
    }
}

#[tokio::test]
async fn an_idempotency_key_is_of_visible_characters_and_not_long() {
    let app = TestApp::scripted((0..2).map(|n| says(&n.to_string()))).await;
    let long = "k".repeat(255);
    let table = [
        ("a key", 200),
        (&long, 200),
        (&format!("{long}k"), 422),
        ("", 422),
        ("a\tkey", 422),
        ("gr\u{fc}n", 422),
    ];

    for (key, status) in table {
        let mut request = json_request("/chat", &json!({ "message": "hi" }));
        request
            .headers_mut()
            .insert("idempotency-key", HeaderValue::from_bytes(key.as_bytes()).unwrap());
        let answer = app.send(request).await;
        assert_eq!(answer.status, status, "{key:?} {}", answer.text);
    }
}

/// Half an answer, and then silence.
fn half() -> Act {
    Act::Hang(vec![Delta::Text("Half".into())])
}

fn keyed(body: &Value, key: &str) -> Request<Body> {
    with(body, "idempotency-key", key)
}

fn with(body: &Value, header: &'static str, value: &str) -> Request<Body> {
    let mut request = json_request("/chatkit", body);
    request.headers_mut().insert(header, value.parse().unwrap());
    request
}

async fn the_thread(app: &TestApp) -> String {
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.post("/chatkit", &list).await.json();
    listed["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn items(app: &TestApp, thread: &str) -> Vec<Value> {
    let params = json!({ "thread_id": thread, "limit": 100, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    let listed: Answer = app.post("/chatkit", &list).await;
    listed.json()["data"].as_array().unwrap().clone()
}
