//! Answering a message again: what was done for it stays done, and the rest is made up for.

use orchestrator::agents::ModelError;
use serde_json::{Value, json};

use crate::support::app::{Choices, TestApp, create, json_request, read_events};
use crate::support::doubles::{FakeTools, ScriptedModel, calls, fails, says};

#[tokio::test]
async fn calls_that_a_stopped_turn_did_not_make_are_made_and_no_other_twice() {
    let both = calls(&[("add", json!({ "n": 1 })), ("add", json!({ "n": 2 }))]);
    let model = ScriptedModel::new([both, says("Both are there.")]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = read_events(app.open(json_request("/chatkit", &create("go"))).await, 4).await;
    tools.gate.add_permits(10);
    app.idle().await;
    let once = tools.made();
    let again = app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(once, ["add {\"n\":1}"]);
    assert_eq!(tools.made(), ["add {\"n\":1}", "add {\"n\":2}"]);
    assert_eq!(again.types().last().unwrap(), "done assistant_message");
    assert_eq!(model.asked().len(), 2);
}

#[tokio::test]
async fn calls_that_were_all_answered_are_not_made_again() {
    let one = calls(&[("add", json!({ "n": 1 }))]);
    let model = ScriptedModel::new([one, fails(ModelError::Malformed), says("It is there.")]);
    let tools = FakeTools::new(&["add"]);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();
    let again = app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(tools.made().len(), 1);
    assert_eq!(again.types()[0..2], ["stream_options", "added assistant_message"]);
}

#[tokio::test]
async fn what_was_done_after_a_question_stays_done_too() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let adds = calls(&[("add", json!({ "n": 2 }))]);
    let model = ScriptedModel::new([asks, adds, says("Added."), says("It is there.")]);
    let tools = FakeTools::new(&["add"]);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("add some").await.events();
    let form = told.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let params = json!({
        "thread_id": form["item"]["thread_id"], "item_id": form["item"]["id"],
        "input": { "answers": { "q1": { "values": ["2"] } } },
    });
    let answer = json!({ "type": "threads.add_structured_input", "params": params });
    app.post("/chatkit", &answer).await;
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(tools.made(), ["add {\"n\":2}"]);
    let sent = json!(model.asked().pop().unwrap().messages);
    assert!(sent.to_string().contains("add says yes"), "{sent}");
}

#[tokio::test]
async fn a_change_made_after_a_question_is_not_made_again_when_its_turn_was_stopped() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let three = calls(&[1, 2, 3].map(|n| ("add", json!({ "n": n }))));
    let model = ScriptedModel::new([asks, three, says("All are there.")]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;
    let told = app.create("add some").await.events();
    let answer = json_request("/chatkit", &answering(&told, "q1", "3"));

    read_events(app.open(answer).await, 3).await;
    tools.gate.add_permits(10);
    app.idle().await;
    let once = tools.made();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(once, ["add {\"n\":1}"]);
    assert_eq!(tools.made(), [1, 2, 3].map(|n| format!("add {{\"n\":{n}}}")));
}

#[tokio::test]
async fn an_equal_call_that_the_model_wants_again_is_made_again() {
    let one = || calls(&[("add", json!({ "n": 1 }))]);
    let model = ScriptedModel::new([one(), fails(ModelError::Malformed), one(), says("Two.")]);
    let tools = FakeTools::new(&["add"]);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();
    let again = app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(tools.made().len(), 2);
    assert_eq!(again.types().last().unwrap(), "done assistant_message");
}

/// The answer to the form of a stream.
fn answering(told: &[Value], question: &str, value: &str) -> Value {
    let form = told.iter().find(|event| event["item"]["type"] == "structured_input").unwrap();
    let params = json!({
        "thread_id": form["item"]["thread_id"], "item_id": form["item"]["id"],
        "input": { "answers": { question: { "values": [value] } } },
    });
    json!({ "type": "threads.add_structured_input", "params": params })
}

fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}
