//! Turns that are joined, cut, crowded, tried again or broken by a panic.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::doubles::{Adder, Panics};
use crate::support::app::{
    Choices, TestApp, add, create, events_in, json_request, read_events, type_of,
};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, says};
use crate::support::watchdog::until;

#[tokio::test]
async fn whoever_joins_a_turn_hears_all_of_it_with_the_same_ids() {
    let model = ScriptedModel::new([calls(&[("add", json!({}))]), says("There it is.")]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let first = app.open(framed(&create("go"))).await;
    until("the tool runs", || !tools.running.lock().unwrap().is_empty()).await;
    let second = app.open(framed(&create("go"))).await;
    tools.gate.add_permits(10);
    let (first, second) = tokio::join!(first.into_body().collect(), second.into_body().collect());

    let first = first.unwrap().to_bytes();
    assert_eq!(first, second.unwrap().to_bytes());
    let events = events_in(std::str::from_utf8(&first).unwrap());
    assert_eq!(type_of(&events[0]), "thread.created");
    assert_eq!((model.asked().len(), tools.made().len()), (2, 1));
}

#[tokio::test]
async fn a_turn_that_was_cut_and_is_asked_for_in_the_same_breath_goes_on_with_the_same_ids() {
    let app = TestApp::scripted([Act::Hang(Vec::new()), says("Hello.")]).await;

    let cut = read_events(app.open(framed(&create("go"))).await, 4).await;
    app.idle().await;
    let again = app.send(framed(&create("go"))).await.events();

    assert_eq!(again[..4], cut);
    assert_eq!(again.last().unwrap()["item"]["content"][0]["text"], "Hello.");
    assert_eq!(items(&app).await.len(), 2);
}

#[tokio::test]
async fn answers_that_were_cut_and_are_given_again_in_the_same_breath_go_on() {
    let question = json!({ "questions": [{ "question": "Which?", "options": ["a", "b"] }] });
    let asks = calls(&[("ask_user", question)]);
    let app = TestApp::scripted([asks, Act::Hang(Vec::new()), says("Hello.")]).await;
    let form = app.create("go").await.events();
    let form = form.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let input = json!({ "answers": { "q1": { "values": ["b"] } } });
    let ids = (&form["item"]["thread_id"], &form["item"]["id"]);
    let params = json!({ "thread_id": ids.0, "item_id": ids.1, "input": input });
    let answers = json!({ "type": "threads.add_structured_input", "params": params });

    let cut = read_events(app.open(framed(&answers)).await, 2).await;
    app.idle().await;
    let again = app.send(framed(&answers)).await.events();

    assert_eq!(again[..2], cut);
    assert_eq!(again[1]["item"]["inputs"][0]["answer"]["values"], json!(["b"]));
    assert_eq!(again.last().unwrap()["item"]["content"][0]["text"], "Hello.");
}

#[tokio::test]
async fn a_fifth_waiting_message_is_refused_with_an_event_or_429() {
    let app = TestApp::scripted([Act::Hang(Vec::new())]).await;
    let mut open = vec![app.open(json_request("/chatkit", &create("go"))).await];
    let thread = the_thread(&app).await;
    for n in 0..4 {
        open.push(app.open(json_request("/chatkit", &add(&thread, &n.to_string()))).await);
    }

    let event = app.post("/chatkit", &add(&thread, "one too many")).await;
    let status = app.ask(&json!({ "message": "one too many", "thread_id": thread })).await;
    let listed = items(&app).await;

    assert_eq!(event.status, 200);
    assert_eq!(event.types(), ["error"]);
    assert_eq!(event.events()[0]["allow_retry"], json!(true));
    assert_eq!((status.status.as_u16(), &status.json()["code"]), (429, &json!("crowded")));
    assert!(status.headers.contains_key("retry-after"));
    assert_eq!(listed.len(), 1);
    drop(open);
    app.idle().await;
}

#[tokio::test]
async fn milk_is_added_once_wherever_its_turn_is_cut_before_it_is_tried_again() {
    let whole = shop().await.0.create("add milk").await.events().len();

    for cut in 0..=whole {
        let (app, tools) = shop().await;
        drop(read_events(app.open(json_request("/chatkit", &create("add milk"))).await, cut).await);
        app.idle().await;
        let said = items(&app).await.remove(0);
        let params = json!({ "thread_id": said["thread_id"], "item_id": said["id"] });
        let retry = json!({ "type": "threads.retry_after_item", "params": params });

        let again = app.post("/chatkit", &retry).await;

        assert_eq!(tools.made().len(), 1, "cut at {cut}");
        assert_eq!(again.types().last().unwrap(), "done assistant_message", "cut at {cut}");
        let listed = items(&app).await;
        let answers = listed.iter().filter(|item| item["type"] == "assistant_message").count();
        assert_eq!((answers, &listed[0]), (1, &said), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_panic_ends_one_turn_with_one_error_and_frees_its_thread() {
    let in_model = Choices { model: Arc::new(Panics::default()), ..Choices::default() };
    let called = ScriptedModel::new([calls(&[("add", json!({}))]), says("Hello.")]);
    let in_tool =
        Choices { model: called, tools: Arc::new(Panics::default()), ..Choices::default() };
    for choices in [in_model, in_tool] {
        let app = TestApp::new(choices).await;

        let broken = app.create("go").await;
        let next = app.post("/chatkit", &add(&broken.thread_id(), "again")).await;

        let events = broken.events();
        let errors = events.iter().filter(|event| event["type"] == "error").count();
        assert_eq!((errors, &events[events.len() - 1]["type"]), (1, &json!("error")));
        assert_eq!(next.types().last().unwrap(), "done assistant_message");
    }
}

/// A house whose model adds what it is told to, and its tools.
async fn shop() -> (TestApp, Arc<FakeTools>) {
    let tools = FakeTools::new(&["add"]);
    let choices = Choices { model: Arc::new(Adder), tools: tools.clone(), ..Choices::default() };
    (TestApp::new(choices).await, tools)
}

/// As the component sends it.
fn framed(body: &Value) -> Request<Body> {
    let mut request = json_request("/chatkit", body);
    request.headers_mut().insert("chatkit-frame-instance-id", "frame".parse().unwrap());
    request
}

async fn the_thread(app: &TestApp) -> String {
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.post("/chatkit", &list).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    listed["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn items(app: &TestApp) -> Vec<Value> {
    let params = json!({ "thread_id": the_thread(app).await, "order": "asc" });
    let list = json!({ "type": "items.list", "params": params });
    app.post("/chatkit", &list).await.json()["data"].as_array().unwrap().clone()
}
