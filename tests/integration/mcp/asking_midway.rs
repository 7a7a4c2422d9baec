//! Servers of the older revision, which ask in the middle of a call: it waits in its process (ADR 44).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orchestrator::agents::{Interrupt, PageNote, Progress, ToolError, ToolRequest, Tools};
use orchestrator::domain::{Caller, FormReply, Inquiry, Resumption};
use orchestrator::mcp::{Pace, Servers, Settings};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::asking::{House, answer, city, form_in, outcome, questions, skip, surveys};
use super::stub::Stub;
use super::{PATIENCE, call, http, in_time, settings, started, tool_call, until_offered};
use crate::support::app::{Answer, add, create};
use crate::support::doubles::{Act, calls, listener, says};
use crate::support::faulty::Faulty;
use crate::support::mcp_server::{Era, McpServer};
use crate::support::watchdog::until;

/// A house whose calls wait so long for a person.
async fn patient_for(answer: Duration, script: impl IntoIterator<Item = Act>) -> House {
    let server =
        Arc::new(McpServer::start(Era::Sessions, &["survey", "read_survey", "echo"]).await);
    let mut settings = settings(vec![http("travel", &server)]);
    settings.pace = Pace { answer, ..settings.pace };
    House::with(&server, crate::support::app::memory().await, settings, script).await
}

fn accepted(content: &Value) -> Value {
    json!({ "responses": { "trip": { "action": "accept", "content": content } } })
}

#[tokio::test]
async fn a_call_waits_for_the_person_and_goes_on_with_the_answer() {
    for era in [Era::Sessions, Era::Pinned] {
        let house = House::new(era, [surveys(&city()), says("Booked.")]).await;

        let told = house.app.post("/chatkit", &create("book it")).await;
        let form = form_in(&told.events());
        let idle = house.app.chat.running();
        let done = house.answered(&form, &[(0, "Rome")]).await;

        assert_eq!(questions(&form), ["travel asks: \"Where to?\" \"city\""]);
        assert_eq!(idle, 0, "no turn waits for a person");
        assert_eq!(outcome(&done), "assistant_message");
        assert_eq!(house.got(), accepted(&json!({ "city": "Rome" })));
        assert_eq!(house.server.calls(), ["survey"], "the call is made once");
    }
}

#[tokio::test]
async fn a_call_that_only_reads_waits_as_well() {
    let reads = calls(&[("read_survey", json!({ "forms": city() }))]);
    let house = House::new(Era::Sessions, [reads, says("So.")]).await;

    let form = house.asked().await;
    house.answered(&form, &[(0, "Rome")]).await;

    assert_eq!(house.got(), accepted(&json!({ "city": "Rome" })));
    assert_eq!(house.server.calls(), ["read_survey"]);
}

#[tokio::test]
async fn a_server_may_ask_twice_in_one_call() {
    let forms = json!({ "a": city()["trip"], "b": city()["trip"] });
    let house = House::new(Era::Sessions, [surveys(&forms), says("Booked.")]).await;

    let first = house.asked().await;
    let second = form_in(&house.answered(&first, &[(0, "Rome")]).await);
    house.app.post("/chatkit", &skip(&second)).await;

    let got = &house.got()["responses"];
    assert_eq!(got["a"]["content"]["city"], "Rome");
    assert_eq!(got["b"], json!({ "action": "decline" }));
    assert_eq!(house.server.calls(), ["survey"]);
}

#[tokio::test]
async fn a_wrong_answer_is_asked_for_again_while_the_call_waits() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } },
        "required": ["n"] });
    let form = json!({ "trip": { "message": "How many?", "requestedSchema": schema } });
    let house = House::new(Era::Sessions, [surveys(&form), says("Booked.")]).await;

    let form = house.asked().await;
    let again = form_in(&house.answered(&form, &[(0, "many")]).await);
    house.answered(&again, &[(0, "2")]).await;

    assert_eq!(house.got(), accepted(&json!({ "n": 2 })));
}

#[tokio::test]
async fn a_message_instead_cancels_the_call_and_its_effect_is_unknown() {
    let house = House::new(Era::Sessions, [surveys(&city()), says("It is noon.")]).await;

    let form = house.asked().await;
    let thread = form["thread_id"].as_str().unwrap();
    let done = house.app.post("/chatkit", &add(thread, "What time is it?")).await.events();

    assert_eq!(outcome(&done), "assistant_message");
    assert_eq!(house.result(), ToolError::UnansweredMidway.to_string());
    until("the server was told", || house.server.got().contains("cancel")).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_told_with_what_the_server_made_of_that() {
    let house = patient_for(Duration::from_millis(50), [surveys(&city()), says("Too late.")]).await;

    let form = house.asked().await;
    until("the server was told", || house.server.got().contains("decline")).await;
    let done = house.answered(&form, &[(0, "Rome")]).await;

    assert_eq!(outcome(&done), "assistant_message");
    let told = house.result();
    assert!(told.contains("came too late"), "{told}");
    assert!(!told.contains("Rome"), "{told}");
}

#[tokio::test]
async fn of_an_end_that_came_too_late_most_of_the_text_is_kept_and_nothing_else() {
    let arguments = json!({ "forms": city(), "filler": 200_000 });
    let script = [calls(&[("survey", arguments)]), says("Too late.")];
    let house = patient_for(Duration::from_millis(50), script).await;

    let form = house.asked().await;
    until("the server was told", || house.server.got().contains("decline")).await;
    let done = house.app.post("/chatkit", &answer(&form, &[(0, "Rome")])).await;

    let told = house.result();
    assert!(told.contains("came too late"), "{told}");
    let note = PageNote::find(&told);
    assert!(note.as_ref().is_none_or(|note| note.pages < 5), "{note:?}");
    assert!(!done.text.contains("iVBORw0KGgo"), "{}", done.text);
}

#[tokio::test]
async fn an_end_that_came_too_late_is_forgotten_after_ten_minutes() {
    let script = [surveys(&city()), says("I do not know.")];
    let house = patient_for(Duration::from_millis(50), script).await;

    let form = house.asked().await;
    until("the server was told", || house.server.got().contains("decline")).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(10)).await;
    tokio::time::resume();
    house.answered(&form, &[(0, "Rome")]).await;

    assert_eq!(house.result(), ToolError::AnswerLost.to_string());
}

#[tokio::test]
async fn whoever_tries_again_cancels_the_call_and_its_effect_is_unknown() {
    let house = House::new(Era::Sessions, [surveys(&city()), says("I do not know.")]).await;

    let told = house.app.post("/chatkit", &create("book it")).await.events();
    assert_eq!(form_in(&told)["status"], "pending");
    let said = &told[1]["item"];
    let params = json!({ "thread_id": said["thread_id"], "item_id": said["id"] });
    let retry = json!({ "type": "threads.retry_after_item", "params": params });
    let done = house.app.post("/chatkit", &retry).await.events();

    until("the server was told", || house.server.got().contains("cancel")).await;
    assert_eq!(outcome(&done), "assistant_message");
    assert_eq!(house.result(), ToolError::Begun.to_string());
    assert_eq!(house.server.calls(), ["survey"], "it is not made again");
}

#[tokio::test]
async fn a_turn_that_ends_in_another_way_cancels_the_call_that_waits() {
    let repeated = (0..5).map(|_| ("echo", json!({})));
    let survey = ("survey", json!({ "forms": city() }));
    let all: Vec<_> = std::iter::once(survey).chain(repeated).collect();
    let house = House::new(Era::Sessions, [calls(&all)]).await;

    let told = house.app.post("/chatkit", &create("book it")).await;

    until("the server was told", || house.server.got().contains("cancel")).await;
    assert!(!told.text.contains("structured_input"), "{}", told.text);
}

#[tokio::test]
async fn a_call_that_cannot_be_journaled_again_may_have_taken_effect() {
    let (store, fails) = (crate::support::app::memory().await, Arc::new(AtomicBool::new(false)));
    let broken = Arc::clone(&fails);
    let is_it = move |name: &str| name == "intend" && broken.load(Ordering::Relaxed);
    let store = Arc::new(Faulty { store, fails: Box::new(is_it), hangs: "" });
    let server = McpServer::start(Era::Sessions, &["survey"]).await;
    let house = House::beside(&Arc::new(server), store, [surveys(&city())]).await;
    let form = house.asked().await;
    fails.store(true, Ordering::Relaxed);

    let done = house.answered(&form, &[(0, "Rome")]).await;

    let end = done.last().unwrap()["message"].as_str().unwrap();
    assert!(end.contains("It is not known whether this was done: survey ×1."), "{end}");
    until("the server was told", || house.server.got().contains("cancel")).await;
}

#[tokio::test]
async fn a_server_that_does_nothing_else_until_it_is_answered_is_not_taken_for_a_dead_one() {
    let server = McpServer::start(Era::Sessions, &["survey"]).await;
    let limit = Duration::from_millis(500);
    let settings = Settings { connect_timeout: limit, ..settings(vec![http("one", &server)]) };
    let servers = started(settings).await;
    until_offered(&servers, "survey").await;
    let arguments = json!({ "forms": city(), "hogs": true }).to_string();

    let Err(ToolError::Asks(inquiry)) = call(&servers, "survey", &arguments).await else {
        panic!("it did not ask")
    };
    let before = server.listings();
    until("it is asked for a sign of life", || server.listings() > before).await;
    let lost = timeout(limit * 4, servers.offers(|it| !it.missing.is_empty())).await;

    assert!(lost.is_err(), "it is busy, not gone");
    servers.give_up(inquiry.continuation.ticket().unwrap());
    until("the server was told", || server.got().contains("cancel")).await;
}

#[tokio::test]
async fn another_process_says_that_it_does_not_know() {
    let house = House::new(Era::Sessions, [surveys(&city())]).await;
    let form = house.asked().await;
    let store = Arc::clone(&house.store);
    let other = House::beside(&house.server, store, [says("I do not know.")]).await;

    let done = other.answered(&form, &[(0, "Rome")]).await;

    assert_eq!(outcome(&done), "assistant_message");
    assert_eq!(other.result(), ToolError::AnswerLost.to_string());
    assert_eq!(other.server.calls(), ["survey"], "it is not made again");
}

#[tokio::test]
async fn a_server_that_dies_meanwhile_leaves_an_unknown_effect() {
    let server = Arc::new(McpServer::start(Era::Sessions, &["survey"]).await);
    let store = crate::support::app::memory().await;
    let house = House::beside(&server, store, [surveys(&city()), says("It is gone.")]).await;
    let form = house.asked().await;
    server.cut();

    let done = house.answered(&form, &[(0, "Rome")]).await;

    assert_eq!(outcome(&done), "assistant_message");
    assert!(ToolError::is_unknown_in(&house.result()), "{}", house.result());
}

#[tokio::test]
async fn an_answer_is_given_to_the_server_once() {
    let house = House::new(Era::Sessions, [surveys(&city()), says("Booked.")]).await;
    let form = house.asked().await;

    let both = [answer(&form, &[(0, "Rome")]), answer(&form, &[(0, "Oslo")])];
    let (one, two) =
        tokio::join!(house.app.post("/chatkit", &both[0]), house.app.post("/chatkit", &both[1]));

    let is_refused = |it: &&&Answer| it.text.contains("do not wait for answers any more");
    let refused = [&one, &two].iter().filter(is_refused).count();
    assert_eq!(refused, 1, "{} {}", one.text, two.text);
    assert_eq!(house.server.calls(), ["survey"]);
}

#[tokio::test]
async fn no_more_calls_wait_than_there_is_room_for() {
    let asks = (0..9).map(|_| surveys(&city()));
    let house = House::new(Era::Sessions, asks.chain([says("So.")])).await;

    for _ in 0..8 {
        assert_eq!(house.asked().await["status"], "pending");
    }
    let more = house.app.post("/chatkit", &create("book it")).await;

    assert!(!more.text.contains("structured_input"), "the ninth is declined: {}", more.text);
    assert!(house.server.got().contains("decline"));
}

/// What a call of `go` of a child comes to, which may have waited for an answer.
async fn go(servers: &Servers, resumed: Option<&Resumption>) -> Result<String, ToolError> {
    let (call, progress) = (tool_call("go", "{}"), Progress::new("call_1".into(), listener().0));
    let (caller, interrupt) = (Caller::anyone(), Interrupt::default());
    let request = ToolRequest {
        call: &call,
        caller: &caller,
        key: None,
        deadline: Instant::now() + PATIENCE,
        interrupt: &interrupt,
        progress: &progress,
        resumed,
    };
    in_time(servers.call(request)).await.map(|output| output.text)
}

fn asked_by(told: Result<String, ToolError>) -> Inquiry {
    match told {
        Err(ToolError::Asks(inquiry)) => *inquiry,
        other => panic!("nobody is asked: {other:?}"),
    }
}

/// The person's answer to what a child asked.
fn rome(inquiry: &Inquiry) -> Resumption {
    let content = json!({ "city": "Rome" }).as_object().cloned().unwrap();
    let replies = inquiry.forms.iter();
    let replies = replies.map(|it| (it.name.clone(), FormReply::Accepted(content.clone())));
    Resumption { continuation: inquiry.continuation.clone(), replies: replies.collect() }
}

#[tokio::test]
async fn a_call_that_was_left_ends_the_questions_of_its_own_session_alone() {
    let stub = Stub::new("forgets");
    let mut settings = settings(vec![stub.server()]);
    settings.call_timeout = Duration::from_secs(1);
    let servers = started(settings).await;

    assert_eq!(go(&servers, None).await, Err(ToolError::TimedOut));
    until("it was started again", || stub.starts() == 2).await;
    until_offered(&servers, "go").await;

    asked_by(go(&servers, None).await);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_call_that_waits_in_a_dead_session_is_in_nobodys_way() {
    let stub = Stub::new("asks");
    let mut settings = settings(vec![stub.server()]);
    settings.guard.retries = 100;
    let servers = started(settings).await;
    // So that the call that waits has the number of the one that asks in the next session.
    assert_eq!(call(&servers, "tick", "{}").await.as_deref(), Ok("done"));
    let dead = asked_by(go(&servers, None).await);

    assert_eq!(call(&servers, "tick", "{}").await.as_deref(), Ok("done"));
    assert_eq!(stub.starts(), 2);
    let first = asked_by(go(&servers, None).await);

    assert_eq!(go(&servers, Some(&rome(&dead))).await, Err(ToolError::Lost));
    // It asks once more.
    asked_by(go(&servers, Some(&rome(&first))).await);
    in_time(servers.shut_down()).await;
}
