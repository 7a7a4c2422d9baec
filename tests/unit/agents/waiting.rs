//! Calls that wait in this process for a person (ADR 44): taken up again, or given up.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jiff::tz::TimeZone;
use orchestrator::agents::{
    AgentEvent, Approvals, Driver, Finish, InquiredCall, InquiryVerdict, InquiryVerdicts,
    Interrupt, Run, RunLimits, SpendBudget, ToolError, ToolRequest, Tools, drive,
};
use orchestrator::domain::{
    Assistant, Caller, Catalog, Continuation, Inquiry, Message, Resumption, ToolCall, ToolOutput,
    ToolResult,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::doubles::{Act, ScriptedModel, calls, catalog, listener, said, says};

#[tokio::test]
async fn a_call_that_waits_is_given_up_at_once_when_its_turn_is_stopped() {
    let house = House::default();

    let told = house.asked(&[("survey", json!({})), ("read_stop", json!({}))]).await;

    assert_eq!(house.given_up(), ["survey"]);
    assert!(told.inquired.is_empty());
    assert!(is_unknown(&told, "survey"), "{:?}", told.results);
}

#[tokio::test]
async fn a_call_that_waits_is_given_up_at_once_when_another_is_repeated() {
    let house = House::default();
    let repeated = (0..5).map(|_| ("add", json!({})));
    let all: Vec<_> = [("survey", json!({}))].into_iter().chain(repeated).collect();

    let told = house.asked(&all).await;

    assert_eq!(house.given_up(), ["survey"]);
    assert!(is_unknown(&told, "survey"), "{:?}", told.results);
}

#[tokio::test]
async fn a_call_is_taken_up_also_beside_one_whose_answer_was_wrong() {
    let house = House::default();
    let told = house.asked(&[("survey", json!({})), ("read_survey", json!({}))]).await;
    let [survey, read] = &told.inquired[..] else { panic!("{:?}", told.inquired) };
    let replies =
        [resumed(survey), (read.id.clone(), InquiryVerdict::AskAgain(read.inquiry.clone()))];

    let told = house.answered(&told, replies.into(), &[]).await;

    assert_eq!(*house.tools.taken_up.lock().unwrap(), ["survey"]);
    assert_eq!(told.inquired.len(), 1);
    assert_eq!(house.given_up(), Vec::<String>::new());
}

#[tokio::test]
async fn a_call_that_is_not_taken_up_because_its_turn_is_stopped_may_have_taken_effect() {
    let house = House::default();
    let told = house.asked(&[("survey", json!({})), ("read_survey", json!({}))]).await;
    let replies: InquiryVerdicts = told.inquired.iter().map(resumed).collect();
    house.tools.interrupt.raise(Finish::Cancelled);

    let told = house.answered(&told, replies, &[]).await;

    for name in ["survey", "read_survey"] {
        assert!(is_unknown(&told, name), "{:?}", told.results);
    }
    assert_eq!(house.given_up(), ["survey", "read_survey"]);
    assert!(house.tools.taken_up.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_whose_tool_is_gone_meanwhile_may_have_taken_effect() {
    let house = House::default();
    let told = house.asked(&[("survey", json!({}))]).await;
    let replies: InquiryVerdicts = told.inquired.iter().map(resumed).collect();
    house.offers(Catalog { missing: vec!["fake".into()], ..Catalog::default() });

    let told = house.answered(&told, replies, &[]).await;

    assert_eq!(told.results[0].output, ToolError::AnswerLost.to_string());
    assert_eq!(house.given_up(), ["survey"]);
}

#[tokio::test]
async fn a_call_that_was_begun_and_cannot_be_made_again_may_have_taken_effect() {
    let house = House::default();
    let told = house.asked(&[("survey", json!({}))]).await;
    let begun = told.calls[0].key.clone().unwrap();
    house.offers(Catalog { missing: vec!["fake".into()], ..Catalog::default() });

    let told = house.answered(&told, InquiryVerdicts::new(), &[begun.as_str()]).await;

    assert_eq!(told.results[0].output, ToolError::Begun.to_string());
}

/// Runs of one conversation, and their tools.
#[derive(Default)]
struct House {
    tools: Arc<Asking>,
}

/// What a run told.
#[derive(Default)]
struct Told {
    calls: Vec<ToolCall>,
    inquired: Vec<InquiredCall>,
    results: Vec<ToolResult>,
}

impl House {
    fn offers(&self, catalog: Catalog) {
        *self.tools.catalog.lock().unwrap() = Arc::new(catalog);
    }

    fn given_up(&self) -> Vec<String> {
        self.tools.given_up.lock().unwrap().clone()
    }

    /// The model makes these calls.
    async fn asked(&self, all: &[(&str, Value)]) -> Told {
        self.offers(catalog(&["survey", "read_survey", "read_stop", "add"]));
        let run = Run::new(vec![user()], limits());
        self.driven(run, [calls(all), says("So.")]).await
    }

    /// The run that goes on after the person's answers.
    async fn answered(&self, told: &Told, replies: InquiryVerdicts, begun: &[&str]) -> Told {
        let said = Assistant { calls: told.calls.clone(), ..Assistant::default() };
        let begun: HashSet<_> = begun.iter().map(|key| (*key).to_owned()).collect();
        let run = Run::new(vec![user(), Message::Assistant(said)], limits());
        let run =
            run.with_approvals(Approvals { begun, ..Approvals::default() }).with_replies(replies);
        self.driven(run, [says("So.")]).await
    }

    async fn driven(&self, run: Run, script: impl IntoIterator<Item = Act>) -> Told {
        let (listener, mut events) = listener();
        let driver = Driver {
            choice: None,
            model: ScriptedModel::new(script),
            tools: Arc::clone(&self.tools) as _,
            caller: Caller::anyone(),
            time_zone: TimeZone::UTC,
            deadline: Instant::now() + Duration::from_mins(2),
            interrupt: self.tools.interrupt.clone(),
            listener,
        };
        drive(run, driver).await;
        let mut told = Told::default();
        while let Ok(event) = events.try_recv() {
            if let AgentEvent::Replied(reply) = event {
                told.calls.extend(reply.message.calls);
            } else if let AgentEvent::Answered(results) = event {
                told.results.extend(results);
            } else if let AgentEvent::Finished(Finish::Inquired(calls)) = event {
                told.inquired = calls;
            }
        }
        told
    }
}

/// Tools whose server asks in the middle of a call; the tickets are their names.
#[derive(Default)]
struct Asking {
    catalog: Mutex<Arc<Catalog>>,
    given_up: Mutex<Vec<String>>,
    taken_up: Mutex<Vec<String>>,
    interrupt: Interrupt,
}

impl Tools for Asking {
    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.lock().unwrap())
    }

    fn give_up(&self, ticket: &str) {
        self.given_up.lock().unwrap().push(ticket.to_owned());
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let name = request.call.name.clone();
        let asks = name.ends_with("survey") && request.resumed.is_none();
        if asks {
            let continuation = Continuation::Parked { ticket: name };
            let inquiry = Inquiry { forms: Vec::new(), continuation };
            return ready(Err(ToolError::Asks(Box::new(inquiry)))).boxed();
        }
        if request.resumed.is_some() {
            self.taken_up.lock().unwrap().push(name.clone());
        }
        if name == "read_stop" {
            self.interrupt.raise(Finish::Cancelled);
        }
        ready(Ok(said("done", &name))).boxed()
    }
}

fn resumed(call: &InquiredCall) -> (String, InquiryVerdict) {
    let (continuation, replies) = (call.inquiry.continuation.clone(), BTreeMap::default());
    (call.id.clone(), InquiryVerdict::Resume(Resumption { continuation, replies }))
}

fn is_unknown(told: &Told, name: &str) -> bool {
    let result = told.results.iter().find(|result| result.name == name);
    result.is_some_and(|result| ToolError::is_unknown_in(&result.output))
}

fn user() -> Message {
    Message::User { text: "hi".to_owned() }
}

fn limits() -> RunLimits {
    RunLimits { max_steps: 8, budget: SpendBudget::default() }
}
