//! The hands: perform what the brain decides.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::tz::TimeZone;
use orchestrator::agents::{
    AgentEvent, Delta, Driver, Finish, Interrupt, Listener, ModelError, Run, RunLimits,
    SpendBudget, drive,
};
use orchestrator::domain::{Caller, Message, ModelSpend, SpendByModel, ToolId, ToolResult};
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::support::doubles::{
    Act, FakeTools, ScriptedModel, calls, fails, listener, one_call, said, says,
};
use crate::support::watchdog::until;

const TURN: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_tool_turn_is_told_step_by_step() {
    let model = ScriptedModel::new([calls(&[("read_a", json!({ "x": 1 }))]), says("all good")]);
    let tools = FakeTools::new(&["read_a"]);

    let events = events_of(&model, &tools, &Interrupt::default()).await;

    let kinds: Vec<_> = events.iter().map(kind).collect();
    let called = ["spent", "replied", "started", "finished", "answered"];
    let told = ["text", "text", "spent", "replied", "end"];
    assert_eq!(kinds, [called, told].concat());
    assert_eq!(tools.made(), ["read_a {\"x\":1}"]);
    assert_eq!(model.asked()[1].messages.len(), 3);
}

#[tokio::test]
async fn a_reply_is_told_with_the_tools_it_means_and_a_call_with_all_that_it_gave() {
    let model = ScriptedModel::new([calls(&[("read_a", json!({}))]), says("all good")]);
    let tools = FakeTools::new(&["read_a"]);

    let events = events_of(&model, &tools, &Interrupt::default()).await;

    let id = ToolId { server: "fake".into(), tool: "read_a".into() };
    let mut means = None;
    let mut gave = None;
    for event in events {
        if let AgentEvent::Replied(reply) = event {
            means = means.or(reply.message.calls.into_iter().next());
        } else if let AgentEvent::ToolFinished(end) = event {
            gave = Some(end.answer);
        }
    }
    assert_eq!(means.unwrap().tool, Some(id));
    assert_eq!(gave, Some(Ok(said("read_a says yes", "read_a"))));
}

#[tokio::test]
async fn reads_of_one_reply_run_together_but_at_most_eight() {
    let many: Vec<_> = (0..12).map(|n| ("read_a", json!({ "n": n }))).collect();
    let model = ScriptedModel::new([calls(&many), says("ok")]);
    let tools = FakeTools::new(&["read_a"]);

    events_of(&model, &tools, &Interrupt::default()).await;

    assert_eq!(tools.made().len(), 12);
    assert!((2..=8).contains(&tools.most_together()), "{}", tools.most_together());
}

#[tokio::test]
async fn calls_that_change_something_run_one_after_another() {
    let many: Vec<_> = (0..5).map(|n| ("add", json!({ "n": n }))).collect();
    let model = ScriptedModel::new([calls(&many), says("ok")]);
    let tools = FakeTools::new(&["add"]);

    events_of(&model, &tools, &Interrupt::default()).await;

    assert_eq!(tools.most_together(), 1);
    let order: Vec<_> = (0..5).map(|n| format!("add {{\"n\":{n}}}")).collect();
    assert_eq!(tools.made(), order);
}

#[tokio::test]
async fn a_tools_error_goes_back_to_the_model_as_words() {
    let model = ScriptedModel::new([calls(&[("read_broken", json!({}))]), says("sorry")]);

    let events = events_of(&model, &FakeTools::new(&["read_broken"]), &Interrupt::default()).await;

    let Some(Message::Tools { results }) = model.asked()[1].messages.last().cloned() else {
        panic!("no results")
    };
    assert!(results[0].is_error);
    assert_eq!(results[0].output, "it is broken");
    assert_eq!(events.last(), Some(&AgentEvent::Finished(Finish::Completed)));
}

#[tokio::test]
async fn a_failing_model_ends_the_run_with_its_own_reason_and_is_paid_for() {
    let model = ScriptedModel::new([fails(ModelError::Empty)]);

    let events = events_of(&model, &FakeTools::new(&[]), &Interrupt::default()).await;

    let mut spends = SpendByModel::default();
    spends.add(ModelSpend::request("scripted", one_call()));
    let spent = AgentEvent::Spent(Box::new(spends));
    assert_eq!(events, [spent, AgentEvent::Finished(Finish::Model(ModelError::Empty))]);
}

#[tokio::test(start_paused = true)]
async fn the_turns_deadline_cuts_a_silent_model() {
    let model = ScriptedModel::new([Act::Hang(vec![Delta::Text("half".into())])]);
    let start = Instant::now();

    let events = events_of(&model, &FakeTools::new(&[]), &Interrupt::default()).await;

    assert_eq!(events.last(), Some(&AgentEvent::Finished(Finish::Deadline)));
    assert_eq!(start.elapsed(), TURN);
}

#[tokio::test]
async fn an_interrupt_drops_the_model_at_once() {
    let model = ScriptedModel::new([Act::Hang(Vec::new())]);
    let interrupt = Interrupt::default();
    interrupt.raise(Finish::Cancelled);

    let events = events_of(&model, &FakeTools::new(&[]), &interrupt).await;

    assert_eq!(events, [AgentEvent::Finished(Finish::Cancelled)]);
}

#[tokio::test]
async fn an_interrupt_awaits_a_change_under_way_and_makes_no_further_call() {
    let model =
        ScriptedModel::new([calls(&[("add", json!({ "n": 1 })), ("add", json!({ "n": 2 }))])]);
    let tools = FakeTools::new(&["add"]);
    tools.gate.forget_permits(1_000);
    let interrupt = Interrupt::default();
    let (driver, mut events) = driver(&model, &tools, &interrupt);
    let task = tokio::spawn(drive(run(), driver));

    while !matches!(events.recv().await, Some(AgentEvent::ToolStarted { .. })) {}
    until("the call runs", || !tools.running.lock().unwrap().is_empty()).await;
    interrupt.raise(Finish::Cancelled);
    tools.gate.add_permits(10);
    task.await.unwrap();

    let rest: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    assert_eq!(tools.made(), ["add {\"n\":1}"]);
    let Some(AgentEvent::Answered(results)) = rest.iter().rev().nth(1) else { panic!("{rest:?}") };
    let failed: Vec<_> = results.iter().map(|ToolResult { is_error, .. }| *is_error).collect();
    assert_eq!(failed, [false, true]);
    assert_eq!(rest.last(), Some(&AgentEvent::Finished(Finish::Cancelled)));
}

#[tokio::test]
async fn a_change_is_made_once_everything_before_it_is_dealt_with() {
    let model = ScriptedModel::new([calls(&[("add", json!({}))]), says("ok")]);
    let tools = FakeTools::new(&["add"]);
    let busy = Arc::new(Busy::default());
    let (mut driver, _events) = driver(&model, &tools, &Interrupt::default());
    driver.listener = Arc::clone(&busy) as _;
    let task = tokio::spawn(drive(run(), driver));

    busy.asked.notified().await;
    assert!(tools.made().is_empty());
    busy.settled.notify_one();
    task.await.unwrap();

    assert_eq!(tools.made(), ["add {}"]);
}

#[tokio::test]
async fn a_listener_that_is_never_done_does_not_hold_back_a_stop() {
    let model = ScriptedModel::new([calls(&[("add", json!({}))])]);
    let tools = FakeTools::new(&["add"]);
    let (busy, interrupt) = (Arc::new(Busy::default()), Interrupt::default());
    let (mut driver, _events) = driver(&model, &tools, &interrupt);
    driver.listener = Arc::clone(&busy) as _;
    let task = tokio::spawn(drive(run(), driver));

    busy.asked.notified().await;
    interrupt.raise(Finish::Cancelled);
    task.await.unwrap();

    assert!(tools.made().is_empty());
}

#[test]
fn the_first_reason_counts_but_for_the_loss_of_what_happened() {
    let interrupt = Interrupt::default();

    for (raised, counts) in [
        (Finish::Cancelled, Finish::Cancelled),
        (Finish::ShutDown, Finish::Cancelled),
        (Finish::Storage, Finish::Storage),
        (Finish::Lost, Finish::Storage),
        (Finish::Cancelled, Finish::Storage),
    ] {
        interrupt.raise(raised);
        assert_eq!(interrupt.reason(), Some(counts));
    }
}

/// A listener that is busy until it is told not to be.
#[derive(Default)]
struct Busy {
    asked: Notify,
    settled: Notify,
}

impl Listener for Busy {
    fn on(&self, _: AgentEvent) {}

    fn settled(&self) -> BoxFuture<'_, ()> {
        self.asked.notify_one();
        self.settled.notified().boxed()
    }
}

async fn events_of(
    model: &Arc<ScriptedModel>,
    tools: &Arc<FakeTools>,
    interrupt: &Interrupt,
) -> Vec<AgentEvent> {
    let (driver, mut events) = driver(model, tools, interrupt);
    let collect = async {
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(event);
        }
        all
    };
    tokio::join!(drive(run(), driver), collect).1
}

fn driver(
    model: &Arc<ScriptedModel>,
    tools: &Arc<FakeTools>,
    interrupt: &Interrupt,
) -> (Driver, mpsc::UnboundedReceiver<AgentEvent>) {
    let (listener, events) = listener();
    let driver = Driver {
        choice: None,
        model: Arc::clone(model) as _,
        tools: Arc::clone(tools) as _,
        caller: Caller::anyone(),
        time_zone: TimeZone::UTC,
        deadline: Instant::now() + TURN,
        interrupt: interrupt.clone(),
        listener,
    };
    (driver, events)
}

fn run() -> Run {
    Run::new(
        vec![Message::User { text: "hi".to_owned() }],
        RunLimits { max_steps: 8, budget: SpendBudget::default() },
    )
}

fn kind(event: &AgentEvent) -> &'static str {
    match event {
        AgentEvent::Said(Delta::Thought(_)) => "thought",
        AgentEvent::Said(Delta::Text(_)) => "text",
        AgentEvent::SpokenBy(_) => "spoken by",
        AgentEvent::Spent(_) => "spent",
        AgentEvent::Replied(_) => "replied",
        AgentEvent::ToolProgress(_) => "progress",
        AgentEvent::ToolStarted { .. } => "started",
        AgentEvent::ToolFinished(_) => "finished",
        AgentEvent::ToolWaits(_) => "waits",
        AgentEvent::Answered(_) => "answered",
        AgentEvent::Finished(_) => "end",
    }
}
