//! Choosing a model: what is on offer, what a choice does, and how long it goes for.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, add, create, memory};
use crate::support::doubles::{Act, ScriptedModel, calls, says};

const MODELS: [&str; 2] = ["usual", "other"];

#[tokio::test]
async fn the_models_are_listed_as_openai_lists_them_the_usual_one_first() {
    let (app, _) = house([]).await;

    let request = Request::get("/models").header("origin", "http://localhost:3000");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;

    let model =
        |id: &str, default: bool| json!({ "id": id, "object": "model", "default": default });
    let listed = json!({ "object": "list", "data": [model("usual", true), model("other", false)] });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, listed));
    assert_eq!(answer.headers["access-control-allow-origin"], "http://localhost:3000");
    assert!(answer.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_choice_reaches_the_model_and_is_kept_with_the_message_in_either_form() {
    let (app, model) = house([says("One."), says("Two."), says("Three.")]).await;

    let created = app.post("/chatkit", &choosing(create("hi"), &json!("other"))).await;
    let added = choosing(add(&created.thread_id(), "and?"), &json!("usual"));
    let added = app.post("/chatkit", &added).await;
    let short = app.post("/chat", &json!({ "message": "hi", "model": "other" })).await;

    assert_eq!(asked_for(&model), [Some("other"), Some("usual"), Some("other")].map(own));
    for (answer, choice) in [(created, "other"), (added, "usual"), (short, "other")] {
        assert_eq!(message_in(&answer)["inference_options"], json!({ "model": choice }));
    }
}

#[tokio::test]
async fn no_choice_is_the_usual_model() {
    let (app, model) = house((0..5).map(|_| says("Ok."))).await;

    app.create("hi").await;
    for nothing in [json!(null), json!("")] {
        app.post("/chatkit", &choosing(create("hi"), &nothing)).await;
        app.ask(&json!({ "message": "hi", "model": nothing })).await;
    }

    assert_eq!(asked_for(&model), vec![None; 5]);
}

#[tokio::test]
async fn an_unknown_model_is_refused_with_those_that_are_known_and_nothing_is_kept() {
    let (app, model) = house([]).await;

    let short = app.post("/chat", &json!({ "message": "hi", "model": "geheim" })).await;
    let chatkit = app.post("/chatkit", &choosing(create("hi"), &json!("geheim"))).await;

    let told = "There is no such model. Choose one of these: usual, other.";
    let rule = json!({ "pointer": "/model", "code": "unknown_model", "message": told });
    assert_eq!((short.status.as_u16(), &short.json()["errors"]), (422, &json!([rule])));
    let events = chatkit.events();
    assert_eq!((chatkit.status.as_u16(), events.len()), (200, 1), "{}", chatkit.text);
    assert_eq!((&events[0]["type"], &events[0]["message"]), (&json!("error"), &json!(told)));
    assert_eq!(events[0]["allow_retry"], json!(false));
    assert!(!short.text.contains("geheim") && !chatkit.text.contains("geheim"));
    let list = json!({ "type": "threads.list", "params": {} });
    assert_eq!(app.post("/chatkit", &list).await.json()["data"], json!([]));
    assert_eq!(model.asked().len(), 0);
}

#[tokio::test]
async fn a_retry_and_the_answer_to_a_form_go_on_with_the_choice_of_their_message() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "Which?" }] }))]);
    let (app, model) = house([says("Before."), asks.clone(), says("That."), asks]).await;
    let first = app.post("/chatkit", &choosing(create("hi"), &json!("usual"))).await;
    let thread = first.thread_id();
    let asked = app.post("/chatkit", &choosing(add(&thread, "and?"), &json!("other"))).await;

    let answered = app.post("/chatkit", &skip(&thread, &asked)).await;
    app.post("/chatkit", &retry(&message_in(&asked))).await;

    assert_eq!(answered.types().last().unwrap(), "done assistant_message", "{}", answered.text);
    let asked = asked_for(&model);
    assert_eq!(asked, [Some("usual"), Some("other"), Some("other"), Some("other")].map(own));
}

#[tokio::test]
async fn a_choice_goes_for_as_many_forms_as_the_model_likes() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "Which?" }] }))]);
    let forms = 45;
    let (app, model) = house((0..forms).map(|_| asks.clone()).chain([says("That.")])).await;

    let mut told = app.post("/chatkit", &choosing(create("hi"), &json!("other"))).await;
    let thread = told.thread_id();
    for _ in 0..forms {
        told = app.post("/chatkit", &skip(&thread, &told)).await;
    }

    assert_eq!(told.types().last().unwrap(), "done assistant_message", "{}", told.text);
    assert_eq!(asked_for(&model), vec![own(Some("other")); forms + 1]);
}

#[tokio::test]
async fn a_choice_that_is_no_longer_configured_is_answered_by_the_usual_model_and_said() {
    let store = memory().await;
    let before = ScriptedModel::of_choices(&MODELS, [says("Before.")]);
    let choices = Choices { model: before, store: Some(store.clone()), ..Choices::default() };
    let app = TestApp::new(choices).await;
    let asked = app.post("/chatkit", &choosing(create("hi"), &json!("other"))).await;

    let now = ScriptedModel::of_choices(&["usual"], [says("Now.")]);
    let choices = Choices { model: now.clone(), store: Some(store), ..Choices::default() };
    let again = TestApp::new(choices).await.post("/chatkit", &retry(&message_in(&asked))).await;

    let notices: Vec<_> =
        again.events().into_iter().filter(|event| event["type"] == "notice").collect();
    assert_eq!(notices.len(), 1, "{}", again.text);
    let told = "The model chosen for this message is no longer offered; usual answers.";
    assert_eq!(notices[0]["message"], told);
    assert_eq!(again.types().last().unwrap(), "done assistant_message");
    assert_eq!(asked_for(&now), [None]);
}

async fn house(script: impl IntoIterator<Item = Act>) -> (TestApp, Arc<ScriptedModel>) {
    let model = ScriptedModel::of_choices(&MODELS, script);
    (TestApp::new(Choices { model: model.clone(), ..Choices::default() }).await, model)
}

fn choosing(mut body: Value, model: &Value) -> Value {
    body["params"]["input"]["inference_options"] = json!({ "model": model });
    body
}

/// Skips the form at the end of an answer.
fn skip(thread: &str, answer: &Answer) -> Value {
    let form = answer.events().into_iter().rfind(|it| it["item"]["type"] == "structured_input");
    let form = form.unwrap()["item"]["id"].clone();
    let params = json!({ "thread_id": thread, "item_id": form, "input": { "status": "skipped" } });
    json!({ "type": "threads.add_structured_input", "params": params })
}

fn retry(message: &Value) -> Value {
    let params = json!({ "thread_id": message["thread_id"], "item_id": message["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}

fn message_in(answer: &Answer) -> Value {
    let events = answer.events();
    let echo = events.iter().find(|event| event["item"]["type"] == "user_message");
    echo.unwrap()["item"].clone()
}

fn asked_for(model: &ScriptedModel) -> Vec<Option<String>> {
    model.asked().into_iter().map(|asked| asked.model).collect()
}

fn own(id: Option<&str>) -> Option<String> {
    id.map(str::to_owned)
}
