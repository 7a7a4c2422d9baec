//! Asking the person, and what an answer does.

use std::sync::Arc;

use orchestrator::domain::Message;
use serde_json::{Value, json};

use crate::support::app::{Choices, TestApp, add};
use crate::support::doubles::{Act, ScriptedModel, calls, says};

#[tokio::test]
async fn a_question_ends_the_turn_with_a_pending_form_that_is_listed_as_it_was_streamed() {
    let app = TestApp::scripted([asks()]).await;

    let answer = app.create("delete the milk").await;
    let listed = app.post("/chatkit", &items(&answer.thread_id())).await.json();

    assert_eq!(answer.types().last().unwrap(), "done structured_input");
    let form = form_in(&answer.events());
    assert_eq!(
        (&form["status"], &form["inputs"][0]["question"]),
        (&json!("pending"), &json!("Which milk?"))
    );
    assert_eq!(
        form["inputs"][0]["options"],
        json!([{ "value": "Oat milk" }, { "value": "Soy milk" }])
    );
    assert_eq!(listed["data"].as_array().unwrap().last().unwrap(), &form);
}

#[tokio::test]
async fn an_answer_settles_the_form_and_reaches_the_model_as_the_next_message() {
    let (app, model) = scripted([asks(), says("Gone.")]).await;
    let asked = app.create("delete the milk").await;
    let form = form_in(&asked.events());

    let input = json!({ "answers": { "q1": { "values": ["Oat milk", "Soy milk"] }, "x": {} } });
    let answer = app.post("/chatkit", &answers(&asked.thread_id(), &form, &input)).await;
    let again = app.post("/chatkit", &answers(&asked.thread_id(), &form, &input)).await;

    let events = answer.events();
    assert_eq!(answer.types()[..2], ["stream_options", "replaced structured_input"]);
    assert_eq!(events[1]["item"]["status"], "answered");
    assert_eq!(
        events[1]["item"]["inputs"][0]["answer"],
        json!({ "values": ["Oat milk"], "skipped": false })
    );
    assert_eq!(model.asked()[1].messages.last().unwrap(), &user("Oat milk"));
    assert_eq!((again.status.as_u16(), again.json()["code"].clone()), (409, json!("not_waiting")));
}

#[tokio::test]
async fn a_skipped_form_is_told_as_skipped() {
    let (app, model) = scripted([asks(), says("As you like.")]).await;
    let asked = app.create("delete the milk").await;
    let form = form_in(&asked.events());

    let input = json!({ "status": "skipped" });
    let answer = app.post("/chatkit", &answers(&asked.thread_id(), &form, &input)).await;

    assert_eq!(answer.events()[1]["item"]["status"], "skipped");
    assert_eq!(model.asked()[1].messages.last().unwrap(), &user("(skipped)"));
}

#[tokio::test]
async fn answers_that_settle_nothing_are_refused() {
    let app = TestApp::scripted([asks()]).await;
    let asked = app.create("delete the milk").await;
    let form = form_in(&asked.events());

    let input = json!({ "status": "pending" });
    let refused = app.post("/chatkit", &answers(&asked.thread_id(), &form, &input)).await;

    assert_eq!(refused.status, 200);
    assert!(refused.events()[0]["message"].as_str().unwrap().contains("answered or skipped"));
}

#[tokio::test]
async fn a_plain_message_settles_the_form_as_skipped() {
    let app = TestApp::scripted([asks(), says("Fine.")]).await;
    let asked = app.create("delete the milk").await;

    let answer = app.post("/chatkit", &add(&asked.thread_id(), "Oat milk")).await;

    assert_eq!(
        answer.types()[..3],
        ["done user_message", "stream_options", "replaced structured_input"]
    );
    assert_eq!(answer.events()[2]["item"]["status"], "skipped");
}

#[tokio::test]
async fn the_short_form_shows_the_question_and_an_option_named_is_an_answer() {
    let (app, model) = scripted([asks(), says("Gone.")]).await;

    let asked = app.ask(&json!({ "message": "delete the milk" })).await.json();
    let body = json!({ "message": "oat milk", "thread_id": asked["thread_id"] });
    let answer = app.ask(&body).await.json();
    let listed = app.post("/chatkit", &items(asked["thread_id"].as_str().unwrap())).await.json();

    assert_eq!(asked["outcome"], "awaiting_input");
    assert_eq!(asked["message"], "Which milk?\n- Oat milk\n- Soy milk");
    assert_eq!((&answer["message"], &answer["outcome"]), (&json!("Gone."), &json!("completed")));
    assert_eq!(listed["data"][1]["status"], "answered");
    assert_eq!(model.asked()[1].messages.last().unwrap(), &user("oat milk"));
}

#[tokio::test]
async fn other_calls_of_the_reply_are_made_before_the_question_is_asked() {
    let both = calls(&[("add", json!({ "n": 1 })), ("ask_user", questions())]);
    let app = TestApp::scripted([both]).await;

    let answer = app.create("add one, delete the milk").await;

    let types = answer.types();
    let place = |kind: &str| types.iter().position(|found| found == kind).unwrap();
    assert!(place("done workflow") < place("done structured_input"), "{types:?}");
}

#[tokio::test]
async fn a_question_that_nobody_could_show_is_refused_in_words_to_the_model() {
    let nothing = calls(&[("ask_user", json!({ "questions": [] }))]);
    let (app, model) = scripted([nothing, says("Never mind.")]).await;

    app.create("hi").await;

    let told = json!(model.asked()[1].messages.last().unwrap());
    assert!(told["results"][0]["output"].as_str().unwrap().contains("1 to 5 questions"), "{told}");
}

async fn scripted<const N: usize>(script: [Act; N]) -> (TestApp, Arc<ScriptedModel>) {
    let model = ScriptedModel::new(script);
    let choices = Choices { model: model.clone(), ..Choices::default() };
    (TestApp::new(choices).await, model)
}

fn asks() -> Act {
    calls(&[("ask_user", questions())])
}

fn questions() -> Value {
    json!({ "questions": [{ "question": "Which milk?", "options": ["Oat milk", "Soy milk"] }] })
}

fn form_in(events: &[Value]) -> Value {
    let is_form = |event: &&Value| event["item"]["type"] == "structured_input";
    events.iter().find(is_form).unwrap()["item"].clone()
}

fn answers(thread: &str, form: &Value, input: &Value) -> Value {
    let params = json!({ "thread_id": thread, "item_id": form["id"], "input": input });
    json!({ "type": "threads.add_structured_input", "params": params })
}

fn items(thread: &str) -> Value {
    json!({ "type": "items.list", "params": { "thread_id": thread, "order": "asc" } })
}

fn user(text: &str) -> Message {
    Message::User { text: text.to_owned() }
}
