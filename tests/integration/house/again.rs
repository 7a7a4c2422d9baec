//! Answering a message again: what was done for it stays done, and the rest is made up for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::agents::{
    Delta, Deltas, Model, ModelError, ModelRequest, ToolError, ToolRequest, Tools,
};
use orchestrator::chat::{Beginning, Claim, Entry, NewEffect, Resource};
use orchestrator::domain::{
    Assistant, Catalog, ItemId, Message, Owner, Reply, ThreadId, ToolOutput,
};
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
async fn calls_of_an_earlier_release_without_a_key_are_known_by_what_they_were() {
    let model = ScriptedModel::new([says("Hello."), says("It is there.")]);
    let tools = FakeTools::new(&["add"]);
    let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;
    let said = &app.create("go").await.events()[1]["item"];
    let resource = Resource::from(&ThreadId::from(said["thread_id"].as_str().unwrap()));
    let root = ItemId::from(said["id"].as_str().unwrap());
    let calls = tool_calls(&[("add", json!({ "n": 1 })), ("add", json!({ "n": 2 }))]);
    assert!(calls.iter().all(|call| call.key.is_none()));
    let effect = |n: usize| NewEffect {
        root: root.clone(),
        key: format!("of an earlier release {n}"),
        tool: calls[n].name.clone(),
        arguments: calls[n].arguments.clone(),
    };
    let (done, begun) = (effect(0), effect(1));
    let message = Some(Message::Assistant(Assistant { calls, ..Assistant::default() }));
    let cut = Beginning {
        attempt: "earlier".to_owned(),
        rewind_to: Some(root.clone()),
        entries: vec![Entry { root, item: None, message }],
        receipt: None,
    };
    let anyone = Owner::anyone();
    let Claim::Held(lease) = app.store.claim(&anyone, &resource).await.unwrap() else { panic!() };
    app.store.begin(&lease, cut).await.unwrap();
    for effect in [&done, &begun] {
        app.store.intend(&lease, effect).await.unwrap();
    }
    app.store.conclude(&lease, &done.key, "one is there").await.unwrap();
    app.store.release(&lease).await.unwrap();

    app.post("/chatkit", &retry(said)).await;

    assert_eq!(tools.made(), Vec::<String>::new());
    let sent = model.asked().pop().unwrap().messages;
    let calls = |it: &Message| if let Message::Assistant(said) = it { said.calls.len() } else { 0 };
    assert_eq!(sent.iter().map(calls).sum::<usize>(), 2, "each is told once: {sent:?}");
    let words = json!(sent).to_string();
    assert!(words.contains("one is there") && words.contains("unknown"), "{words}");
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

#[tokio::test]
async fn what_may_have_been_done_is_told_as_unknown_and_never_as_nothing() {
    let model =
        ScriptedModel::new([calls(&[("add", json!({ "n": 1 }))]), fails(ModelError::Malformed)]);
    let tools = Keyed { answers: Mutex::new([Err(ToolError::Lost)].into()), ..Keyed::default() };
    let choices = Choices { model, tools: Arc::new(tools), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();

    let end = told.last().unwrap()["message"].as_str().unwrap();
    assert!(end.contains("It is not known whether this was done: add ×1."), "{end}");
    assert!(!end.contains("Nothing was done"), "{end}");
}

#[tokio::test]
async fn a_keyed_call_of_unknown_end_stays_begun_when_it_cannot_be_made_again() {
    let model = ScriptedModel::new([
        calls(&[("add", json!({ "n": 1 }))]),
        fails(ModelError::Malformed),
        says("The server is away."),
    ]);
    let answers = [Err(ToolError::Lost), Err(ToolError::Unavailable)];
    let tools = Arc::new(Keyed { answers: Mutex::new(answers.into()), ..Keyed::default() });
    let choices = Choices { model, tools: tools.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    let (thread, root) = (&told[1]["item"]["thread_id"], &told[1]["item"]["id"]);
    let thread = ThreadId::from(thread.as_str().unwrap());
    let root = ItemId::from(root.as_str().unwrap());
    let effects = app.store.effects(&Resource::from(&thread), &root).await.unwrap();
    assert_eq!(effects.len(), 1, "what may have happened is not struck out");
    assert_eq!(effects[0].output, None);
    let keys = tools.keys.lock().unwrap().clone();
    assert_eq!(keys, vec![effects[0].effect.key.clone(); 2]);
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

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        self.made.lock().unwrap().push(request.call.name.clone());
        ready(Err(ToolError::Lost)).boxed()
    }
}

/// A tool whose server honours keys, and answers from a script.
#[derive(Default)]
struct Keyed {
    answers: Mutex<VecDeque<Result<ToolOutput, ToolError>>>,
    keys: Mutex<Vec<String>>,
}

impl Tools for Keyed {
    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        let mut catalog = catalog(&["add"]);
        catalog.tools[0].honours_keys = true;
        Arc::new(catalog)
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        self.keys.lock().unwrap().push(request.key.unwrap().to_owned());
        ready(self.answers.lock().unwrap().pop_front().unwrap()).boxed()
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

fn retry(item: &Value) -> Value {
    let params = json!({ "thread_id": item["thread_id"], "item_id": item["id"] });
    json!({ "type": "threads.retry_after_item", "params": params })
}
