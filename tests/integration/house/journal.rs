//! What was done for a message, as the journal has it, and what a later try makes of that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::agents::{ModelError, ToolError, ToolRequest, Tools};
use orchestrator::chat::{Beginning, Claim, DoneEffect, Entry, NewEffect, Resource};
use orchestrator::domain::{
    Assistant, CallKey, Catalog, Continuation, Inquiry, ItemId, Message, Owner, ThreadId, ToolCall,
    ToolOutput,
};
use serde_json::{Map, Value, json};

use super::again::retry;
use crate::support::app::{Choices, TestApp, memory};
use crate::support::doubles::{
    FakeTools, ScriptedModel, calls, catalog, fails, said, says, tool_calls,
};
use crate::support::faulty::Faulty;

#[tokio::test]
async fn calls_of_an_earlier_release_without_a_key_are_known_by_what_they_were() {
    let house = Earlier::new().await;
    let calls =
        [("add", json!({ "n": 1 })), ("set", json!({ "n": 2 })), ("add", json!({ "n": 2 }))];
    let calls = tool_calls(&calls);
    assert!(calls.iter().all(|call| call.key.is_none()));
    // In another order: a call and its effect are not found by their places.
    let effects = [(2, None), (1, None), (0, Some("one is there"))];
    let effects = effects.map(|(n, output)| (house.effect(&calls[n]), output));

    let sent = house.tried_again(calls, &effects).await;

    let calls = |it: &Message| if let Message::Assistant(said) = it { said.calls.len() } else { 0 };
    assert_eq!(sent.iter().map(calls).sum::<usize>(), 3, "each is told once: {sent:?}");
    let outputs = outputs(&sent);
    assert!(outputs[0].contains("one is there"), "{outputs:?}");
    assert!(outputs[1].contains("unknown") && outputs[2].contains("unknown"), "{outputs:?}");
}

#[tokio::test]
async fn a_call_has_the_output_of_the_effect_with_its_key() {
    let house = Earlier::new().await;
    let mut calls = tool_calls(&[("add", json!({ "n": 1 })), ("add", json!({ "n": 2 }))]);
    let effects = [1, 0].map(|n| house.effect(&calls[n]));
    for (call, effect) in calls.iter_mut().rev().zip(&effects) {
        call.key = Some(CallKey::from(&*effect.key));
    }
    let [second, first] = effects;

    let effects = [(second, Some("two are there")), (first, Some("one is there"))];
    let sent = house.tried_again(calls, &effects).await;

    assert_eq!(outputs(&sent), ["one is there", "two are there"]);
}

#[tokio::test]
async fn what_was_done_by_a_call_that_was_never_stored_is_told_as_its_call_and_result() {
    let house = Earlier::new().await;
    let call = &tool_calls(&[("add", json!({ "n": 1 }))])[0];
    let effects = [(house.effect(call), Some("one is there"))];

    let sent = house.tried_again(Vec::new(), &effects).await;

    let [_, Message::Assistant(said), Message::Tools { .. }] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!((&*said.calls[0].name, &*said.calls[0].arguments), ("add", &*call.arguments));
    assert_eq!(outputs(&sent), ["one is there"]);
}

fn outputs(sent: &[Message]) -> Vec<String> {
    let results = |it: &Message| match it {
        Message::Tools { results } => results.iter().map(|it| it.output.clone()).collect(),
        Message::Assistant(_) | Message::User { .. } | Message::Note { .. } => Vec::new(),
    };
    sent.iter().flat_map(results).collect()
}

/// A house in which a message was answered once; what an earlier release left of another try is
/// put in its place.
struct Earlier {
    app: TestApp,
    model: Arc<ScriptedModel>,
    tools: Arc<FakeTools>,
    said: Value,
}

impl Earlier {
    async fn new() -> Self {
        let model = ScriptedModel::new([says("Hello."), says("It is there.")]);
        let tools = FakeTools::new(&["add", "set"]);
        let choices = Choices { model: model.clone(), tools: tools.clone(), ..Choices::default() };
        let app = TestApp::new(choices).await;
        let said = app.create("go").await.events()[1]["item"].clone();
        Self { app, model, tools, said }
    }

    fn root(&self) -> ItemId {
        ItemId::from(self.said["id"].as_str().unwrap())
    }

    fn effect(&self, call: &ToolCall) -> NewEffect {
        let key = format!("of an earlier release {}", call.id);
        let (tool, arguments) = (call.name.clone(), call.arguments.clone());
        NewEffect { root: self.root(), key, tool, arguments }
    }

    /// What the model is sent when the message is tried again, after these calls and effects.
    async fn tried_again(
        &self,
        calls: Vec<ToolCall>,
        effects: &[(NewEffect, Option<&str>)],
    ) -> Vec<Message> {
        let store = &self.app.store;
        let resource = Resource::from(&ThreadId::from(self.said["thread_id"].as_str().unwrap()));
        let message = Message::Assistant(Assistant { calls, ..Assistant::default() });
        let cut = Beginning {
            attempt: "earlier".to_owned(),
            rewind_to: Some(self.root()),
            entries: vec![Entry { root: self.root(), item: None, message: Some(message) }],
            receipt: None,
            granted: None,
        };
        let claim = store.claim(&Owner::anyone(), &resource).await.unwrap();
        let Claim::Held(lease) = claim else { panic!("{claim:?}") };
        store.begin(&lease, cut).await.unwrap();
        for (effect, output) in effects {
            store.intend(&lease, effect).await.unwrap();
            if let Some(output) = output {
                store.conclude(&lease, &effect.key, output).await.unwrap();
            }
        }
        store.release(&lease).await.unwrap();

        self.app.post("/chatkit", &retry(&self.said)).await;

        assert_eq!(self.tools.made(), Vec::<String>::new());
        self.model.asked().pop().unwrap().messages
    }
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

    let effects = effects(&app, &told[1]["item"]).await;
    assert_eq!(effects.len(), 1, "what may have happened is not struck out");
    assert_eq!(effects[0].output, None);
    let keys = tools.keys.lock().unwrap().clone();
    assert_eq!(keys, vec![effects[0].effect.key.clone(); 2]);
}

#[tokio::test]
async fn what_was_done_stands_in_the_journal_and_what_was_not_is_struck_out() {
    let done = || Ok(said("one is there", "add"));
    for (answer, output) in [
        (done(), Some(Some("one is there"))),
        (Err(ToolError::Lost), Some(None)),
        (Err(ToolError::Unavailable), None),
        (Err(ToolError::Refused("no".to_owned())), None),
        (Err(asks(retried())), None),
        (Err(asks(parked())), Some(None)),
    ] {
        let told = format!("{answer:?}");
        let model = ScriptedModel::new([calls(&[("add", json!({ "n": 1 }))]), says("So it is.")]);
        let tools = Keyed { answers: Mutex::new([answer].into()), ..Keyed::default() };
        let choices = Choices { model, tools: Arc::new(tools), ..Choices::default() };
        let app = TestApp::new(choices).await;

        let events = app.create("go").await.events();

        let effects = effects(&app, &events[1]["item"]).await;
        let outputs: Vec<_> = effects.iter().map(|done| done.output.as_deref()).collect();
        assert_eq!(outputs, output.into_iter().collect::<Vec<_>>(), "{told}");
    }
}

#[tokio::test]
async fn a_keyed_call_of_unknown_end_is_done_once_it_is_answered() {
    let model = ScriptedModel::new([
        calls(&[("add", json!({ "n": 1 }))]),
        fails(ModelError::Malformed),
        says("It is there."),
    ]);
    let answers = [Err(ToolError::Lost), Ok(said("one is there", "add"))];
    let tools = Keyed { answers: Mutex::new(answers.into()), ..Keyed::default() };
    let choices = Choices { model, tools: Arc::new(tools), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let told = app.create("go").await.events();
    app.post("/chatkit", &retry(&told[1]["item"])).await;

    let effects = effects(&app, &told[1]["item"]).await;
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].output.as_deref(), Some("one is there"));
}

#[tokio::test]
async fn a_turn_whose_journal_cannot_be_written_goes_no_further() {
    for (fails, made) in [("intend", 0), ("conclude", 1)] {
        let is_it = Box::new(move |name: &str| name == fails);
        let store = Faulty { store: memory().await, fails: is_it, hangs: "" };
        let model = ScriptedModel::new([calls(&[("add", json!({ "n": 1 }))]), says("Never.")]);
        let tools = FakeTools::new(&["add"]);
        let choices = Choices {
            model: model.clone(),
            tools: tools.clone(),
            store: Some(Arc::new(store)),
            ..Choices::default()
        };
        let app = TestApp::new(choices).await;

        let told = app.create("go").await.events();

        assert_eq!(told.last().unwrap()["type"], "error", "{fails}");
        assert_eq!((tools.made().len(), model.asked().len()), (made, 1), "{fails}");
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

    fn give_up(&self, _: &str) {}

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        self.keys.lock().unwrap().push(request.key.unwrap().to_owned());
        ready(self.answers.lock().unwrap().pop_front().unwrap()).boxed()
    }
}

/// What the journal has for a message.
async fn effects(app: &TestApp, said: &Value) -> Vec<DoneEffect> {
    let thread = ThreadId::from(said["thread_id"].as_str().unwrap());
    let root = ItemId::from(said["id"].as_str().unwrap());
    app.store.effects(&Resource::from(&thread), &root).await.unwrap()
}

fn asks(continuation: Continuation) -> ToolError {
    ToolError::Asks(Box::new(Inquiry { forms: Vec::new(), continuation }))
}

fn retried() -> Continuation {
    Continuation::Retry { round: 1, state: None, answered: Map::new() }
}

fn parked() -> Continuation {
    Continuation::Parked { ticket: "t".to_owned() }
}
