//! Answering a message again: what was done for it stays done, and the rest is made up for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::agents::{
    Delta, Deltas, Model, ModelError, ModelRequest, ToolError, ToolRequest, Tools,
};
use orchestrator::domain::{Catalog, Message, Reply, ToolOutput};
use serde_json::{Value, json};

use crate::support::app::{Choices, TestApp, create, json_request, read_events};
use crate::support::doubles::{
    FakeTools, ScriptedModel, calls, catalog, fails, reply, says, tool_calls,
};

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
async fn what_was_read_is_kept_too_and_not_read_again() {
    let reads = calls(&[("read_a", json!({ "n": 1 })), ("read_b", json!({ "n": 2 }))]);
    let model = ScriptedModel::new([reads, fails(ModelError::Malformed), says("It is there.")]);
    let tools = FakeTools::new(&["read_a", "read_b"]);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    assert_eq!(tools.made().len(), 2);
    let sent = json!(model.asked().pop().unwrap().messages).to_string();
    let (first, second) = (sent.find("read_a says yes"), sent.find("read_b says yes"));
    assert!(first.is_some() && first < second, "{sent}");
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
async fn what_was_done_before_a_question_is_told_once_however_often_its_answer_is_tried() {
    let asks = calls(&[("ask_user", json!({ "questions": [{ "question": "How many?" }] }))]);
    let adds = calls(&[("add", json!({ "n": 2 }))]);
    let model = ScriptedModel::new([adds, asks, fails(ModelError::Empty), says("It is there.")]);
    let choices = Choices { model: model.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;
    let told = app.create("add some").await.events();
    let keyed = || {
        let mut request = json_request("/chatkit", &answering(&told, "q1", "2"));
        request.headers_mut().insert("idempotency-key", "K1".parse().unwrap());
        request
    };

    app.send(keyed()).await;
    let again = app.send(keyed()).await;

    assert_eq!(again.types().last().unwrap(), "done assistant_message", "{}", again.text);
    let sent = json!(model.asked().pop().unwrap().messages).to_string();
    assert_eq!(sent.matches("add says yes").count(), 1, "{sent}");
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

#[tokio::test]
async fn a_tool_that_goes_between_plan_and_call_is_not_called_past_the_journal() {
    let gone = Arc::new(AtomicBool::new(false));
    let tools = Arc::new(Vanishing { gone: Arc::clone(&gone), made: Mutex::default() });
    let choices =
        Choices { model: Arc::new(Takes(gone)), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let answer = app.create("go").await;

    assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
    assert_eq!(tools.made.lock().unwrap().len(), 0);
}

/// Calls a tool that is no longer there once it has said so.
struct Takes(Arc<AtomicBool>);

impl Model for Takes {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        let is_done = matches!(request.messages.last(), Some(Message::Tools { .. }));
        self.0.store(true, Ordering::Relaxed);
        async move {
            if is_done {
                deltas.say(Delta::Text("It is gone.".to_owned()));
                return Ok(reply("It is gone.", Vec::new()));
            }
            Ok(reply("", tool_calls(&[("add", json!({}))])))
        }
        .boxed()
    }

    fn refuses_for(&self) -> Option<std::time::Duration> {
        None
    }
}

/// A tool that is on offer until it is gone, and can be called all the same.
struct Vanishing {
    gone: Arc<AtomicBool>,
    made: Mutex<Vec<String>>,
}

impl Tools for Vanishing {
    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        let is_gone = self.gone.load(Ordering::Relaxed);
        Arc::new(if is_gone { Catalog::default() } else { catalog(&["add"]) })
    }

    fn give_up(&self, _: &str) {}

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        self.made.lock().unwrap().push(request.call.name.clone());
        ready(Err(ToolError::Lost)).boxed()
    }
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

pub(super) fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}
