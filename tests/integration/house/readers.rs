//! Readers that stall, leave, or come late: the turn and everybody else are as if they were not there.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use http_body_util::BodyExt;
use orchestrator::agents::Delta;
use orchestrator::chat::{Abilities, Ask, NewMessage, OnLeave, RequestContext, TurnRequest};
use orchestrator::domain::{Caller, UserContent};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::app::{Choices, TestApp, add, create, events_in, json_request, type_of};
use crate::support::doubles::{Act, ScriptedModel, reply, says};

/// Nothing here takes longer, or it hangs.
const LIMIT: Duration = Duration::from_mins(10);

/// More than any buffer on the way holds.
const MANY: usize = 6_000;

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_although_the_reader_takes_nothing() {
    let app = talkative(Duration::from_secs(5), [says("Next.")]).await;
    let begun = Instant::now();

    let stalled = app.open(json_request("/chatkit", &create("go"))).await;
    idle(&app).await;
    let ended = begun.elapsed();
    let next = app.post("/chatkit", &add(&the_thread(&app).await, "again")).await;
    let events = events_of(stalled).await;

    assert!(ended <= Duration::from_secs(6), "{ended:?}");
    assert_eq!(next.events().last().unwrap()["item"]["content"][0]["text"], "Next.");
    assert_eq!(events.last().unwrap()["type"], "error");
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_reader_that_takes_nothing() {
    let app = talkative(Duration::from_mins(2), []).await;
    let begun = Instant::now();

    let stalled = app.open(json_request("/chatkit", &create("go"))).await;
    let drained = timeout(LIMIT, app.chat.drain(Duration::from_secs(1))).await;
    let events = events_of(stalled).await;

    assert!(drained.is_ok());
    assert_eq!(app.chat.running(), 0);
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(events.last().unwrap()["message"].as_str().unwrap().contains("restarting"));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_for_half_a_minute_has_left() {
    let app = talkative(Duration::from_mins(2), []).await;
    let begun = Instant::now();

    let stalled = app.open(json_request("/chatkit", &create("go"))).await;
    idle(&app).await;
    let (ended, events) = (begun.elapsed(), events_of(stalled).await);

    assert!((30..=33).contains(&ended.as_secs()), "{ended:?}");
    let [only] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&only["type"], &only["allow_retry"]), (&json!("error"), &json!(false)));
    let kept = items(&app).await;
    let text = kept[0]["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with("*[cut off here]*"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_starves_no_second_one() {
    let app = talkative(Duration::from_secs(20), []).await;

    let dead = app.open(keyed(&create("go"))).await;
    let living = app.open(keyed(&create("go"))).await;
    let events = timeout(LIMIT, events_of(living)).await.unwrap();

    assert_eq!(said(&events).matches("word ").count(), MANY);
    assert_eq!(events.last().unwrap()["type"], "error", "the deadline");
    drop(dead);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_joins_late_hears_all_of_a_long_turn_from_its_start() {
    let app = talkative(Duration::from_secs(20), []).await;

    let first = app.open(keyed(&create("go"))).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let second = app.open(keyed(&create("go"))).await;
    let (first, second) = tokio::join!(events_of(first), events_of(second));

    assert_eq!(first, second);
    assert_eq!(type_of(&second[0]), "thread.created");
    assert_eq!(said(&second).matches("word ").count(), MANY);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_says_more_than_anybody_reads_ends_as_too_long() {
    let pieces = (0..3_000).map(|_| Delta::Text("x".repeat(1_000))).collect();
    let app = TestApp::scripted([Act::Say(pieces, Ok(reply("x", Vec::new())))]).await;

    let events = app.create("go").await.events();

    let end = events.last().unwrap();
    assert_eq!((&end["type"], &end["allow_retry"]), (&json!("error"), &json!(false)));
    assert!(end["message"].as_str().unwrap().contains("too long"), "{end}");
    assert!(said(&events).len() < 2_200_000);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_to_finish_does_so_although_nobody_is_left() {
    let app = TestApp::scripted([says("Whatever comes, this is the end.")]).await;
    let request = TurnRequest {
        ask: Ask::Message(NewMessage {
            thread: None,
            content: vec![UserContent::InputText { text: "go".to_owned() }],
            quoted_text: None,
            inference_options: serde_json::Map::new(),
            prompt: None,
        }),
        context: RequestContext {
            caller: Caller::anyone(),
            request_id: "req_1".to_owned(),
            repeat: None,
            time_zone: None,
            abilities: Abilities { forms: true },
            on_leave: OnLeave::Finish,
        },
    };

    drop(app.chat.begin(request).await.unwrap());
    idle(&app).await;

    let kept = items(&app).await;
    assert_eq!(kept[0]["content"][0]["text"], "Whatever comes, this is the end.");
}

/// A house whose model says very much, and then nothing, for ever.
async fn talkative<const N: usize>(turn_timeout: Duration, then: [Act; N]) -> TestApp {
    let words = (0..MANY).map(|_| Delta::Text("word ".to_owned())).collect();
    let model = ScriptedModel::new([Act::Hang(words)].into_iter().chain(then));
    TestApp::new(Choices { model, turn_timeout, ..Choices::default() }).await
}

async fn idle(app: &TestApp) {
    let no_turn = async {
        while app.chat.running() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, no_turn).await.unwrap();
}

async fn events_of(response: Response) -> Vec<Value> {
    let bytes = timeout(LIMIT, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
    events_in(std::str::from_utf8(&bytes).unwrap())
}

fn said(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["update"]["delta"].as_str()).collect()
}

fn keyed(body: &Value) -> Request<Body> {
    let mut request = json_request("/chatkit", body);
    request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
    request
}

async fn the_thread(app: &TestApp) -> String {
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.post("/chatkit", &list).await.json();
    listed["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn items(app: &TestApp) -> Vec<Value> {
    let thread = the_thread(app).await;
    let list = json!({ "type": "items.list", "params": { "thread_id": thread } });
    app.post("/chatkit", &list).await.json()["data"].as_array().unwrap().clone()
}
