//! The short form of `/chat`.

use std::sync::Arc;
use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::chat::Store;
use orchestrator::domain::HealthProbe;
use serde_json::{Value, json};

use crate::integration::scenarios::{model, patient, scripted};
use crate::support::app::{Choices, TestApp, json_request, memory, type_of};
use crate::support::doubles::{ScriptedModel, calls, fails, says};
use crate::support::watchdog::until;

#[tokio::test]
async fn the_stream_is_that_of_chatkit() {
    let app = TestApp::scripted([says("Hello.")]).await;

    let answer = app.post("/chat", &json!({ "message": "hi" })).await;

    assert_eq!(answer.types()[..3], ["thread.created", "done user_message", "stream_options"]);
}

#[tokio::test]
async fn a_kept_answer_is_told_again_while_the_model_refuses() {
    let store = memory().await;
    let whole = ScriptedModel::new([says("Hello.")]);
    let refusing = ScriptedModel::refusing([], Some(Duration::from_secs(9)));
    let mut told = Vec::new();
    for model in [whole, refusing] {
        let choices = Choices { model, store: Some(store.clone()), ..Choices::default() };
        let app = TestApp::new(choices).await;
        let mut request = json_request("/chat", &json!({ "message": "hi" }));
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
        told.push(app.send(request).await);
        let other = app.ask(&json!({ "message": "something else" })).await;
        assert_eq!(other.status == 503, told.len() == 2, "{}", other.text);
    }

    assert_eq!(told[1].json(), told[0].json());
}

#[tokio::test]
async fn one_json_answer_tells_what_was_said_and_done_and_what_it_cost() {
    let call = calls(&[("add", json!({ "title": "milk" }))]);
    let app = TestApp::scripted([call, says("Added."), says("Milk.")]).await;

    let first = app.ask(&json!({ "message": "add milk" })).await.json();
    let second = json!({ "message": "what is there?", "thread_id": first["thread_id"] });
    let second = app.ask(&second).await.json();

    let expected = json!({
        "thread_id": first["thread_id"],
        "message": "Added.",
        "tool_calls": [{
            "name": "add", "arguments": { "title": "milk" },
            "is_error": false, "result": "add says yes",
        }],
        "outcome": "completed",
        "usage": cost(2),
        "thread_usage": cost(2),
    });
    assert_eq!(first, expected);
    assert_eq!((&second["usage"], &second["thread_usage"]), (&cost(1), &cost(3)));
    assert_eq!(second["thread_id"], first["thread_id"]);
    assert_eq!(second["message"], "Milk.");
}

/// What so many calls of a scripted model cost.
fn cost(calls: u32) -> Value {
    json!({
        "input_tokens": 10 * calls, "cached_tokens": 0,
        "output_tokens": 2 * calls, "thinking_tokens": 0,
        "cost_usd": f64::from(calls) / 1_000.0,
    })
}

#[tokio::test]
async fn once_the_turn_has_begun_the_status_is_200_whatever_the_outcome() {
    let app = TestApp::scripted([fails(ModelError::Empty)]).await;

    let answer = app.ask(&json!({ "message": "hi" })).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["outcome"], "empty");
    assert!(answer.json()["message"].as_str().unwrap().contains("empty"));
}

#[tokio::test]
async fn the_time_zone_of_the_request_decides_what_today_is() {
    let model = ScriptedModel::new([says("Ok.")]);
    let app = TestApp::new(Choices { model: model.clone(), ..Choices::default() }).await;

    app.ask(&json!({ "message": "hi", "time_zone": "Asia/Tokyo" })).await;

    assert!(model.asked()[0].system.contains("[Asia/Tokyo]"));
}

/// Only an open breaker refuses at once; a pause that the provider names is waited out in both forms.
#[tokio::test]
async fn a_pause_of_the_provider_is_waited_out_as_in_the_chatkit_form() {
    let provider = scripted(&["e429_retry_after", "text_usage_last", "text_usage_last"]).await;
    let model = model(patient(&provider));
    let app = TestApp::new(Choices { model: model.clone(), ..Choices::default() }).await;

    let chatkit = app.create("hi");
    let short = async {
        let pause = || model.report()[0].breaker.cooling_seconds;
        until("the provider asks for a pause", || pause().is_some()).await;
        app.ask(&json!({ "message": "hi" })).await
    };
    let (chatkit, short) = tokio::join!(chatkit, short);

    assert_eq!(type_of(chatkit.events().last().unwrap()), "done assistant_message");
    assert_eq!(short.status, 200, "{}", short.text);
    assert_eq!(short.json()["outcome"], "completed");
}

#[tokio::test]
async fn a_chatkit_request_is_taken_here_too() {
    let app = TestApp::scripted([]).await;

    let list = app.post("/chat", &json!({ "type": "threads.list", "params": {} })).await;

    assert_eq!(list.json(), json!({ "data": [], "has_more": false }));
}

#[tokio::test]
async fn two_houses_on_one_store_share_their_threads() {
    let store: Arc<dyn Store> = memory().await;
    let house = async |reply: &str| {
        let model = ScriptedModel::new([says(reply)]);
        let store = Some(Arc::clone(&store));
        TestApp::new(Choices { model, store, ..Choices::default() }).await
    };

    let first: Value = house("One.").await.ask(&json!({ "message": "hi" })).await.json();
    let body = json!({ "message": "and?", "thread_id": first["thread_id"] });
    let second = house("Two.").await.ask(&body).await;

    assert_eq!(second.json()["message"], "Two.");
}
