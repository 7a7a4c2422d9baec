//! What a limit of a day counts of a request that was cut before its provider told what it cost
//! (ADR 30).

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures::StreamExt;
use orchestrator::chat::Store;
use orchestrator::domain::CallerLimits;
use orchestrator::model::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contract;
use crate::integration::scenarios::{model, patient, scripted};
use crate::support::app::{Choices, TestApp, json_request};
use crate::support::model_server::ModelServer;
use crate::support::postgres;

/// More turns than a test needs to reach its limit.
const MANY: usize = 20;

const MOMENT: Duration = Duration::from_millis(500);

/// Two pieces of text without counters, then silence.
const SPEAKS: &str = "stall_after(2)";

/// What anything at all that counts reaches.
const ONE_TOKEN: CallerLimits = tokens(1);

const fn tokens(a_day: u64) -> CallerLimits {
    CallerLimits {
        turns_per_minute: None,
        turns_at_once: None,
        tokens_per_day: Some(a_day),
        cost_per_day: None,
    }
}

async fn house(server: &ModelServer, limits: CallerLimits) -> TestApp {
    changed(server, limits, |_, _| {}).await
}

async fn changed(
    server: &ModelServer,
    caller_limits: CallerLimits,
    change: impl FnOnce(&mut Settings, &mut Choices),
) -> TestApp {
    let (mut settings, mut choices) = (patient(server), Choices::default());
    choices.caller_limits = caller_limits;
    change(&mut settings, &mut choices);
    choices.model = model(settings);
    TestApp::new(choices).await
}

fn hello() -> Value {
    json!({ "message": "hi" })
}

/// Sends a message, and leaves at the first words of the answer.
async fn hang_up(app: &TestApp) -> StatusCode {
    leave_at(app, "text_delta").await
}

async fn leave_at(app: &TestApp, words: &str) -> StatusCode {
    let response = app.open(json_request("/chat", &hello())).await;
    let status = response.status();
    let (mut body, mut heard) = (response.into_body().into_data_stream(), String::new());
    while status == StatusCode::OK && !heard.contains(words) {
        heard.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    drop(body);
    app.idle().await;
    status
}

/// How many turns began before one was refused.
async fn turns_until_refused(app: &TestApp) -> usize {
    for turn in 0..MANY {
        if hang_up(app).await == StatusCode::TOO_MANY_REQUESTS {
            return turn;
        }
    }
    MANY
}

async fn is_refused(app: &TestApp) -> bool {
    let answer = app.ask(&hello()).await;
    answer.status == StatusCode::TOO_MANY_REQUESTS && answer.json()["code"] == "over_limit"
}

async fn usage_of_today(app: &TestApp) -> Value {
    app.get("/usage").await.json()["days"][0].clone()
}

#[tokio::test]
async fn whoever_hangs_up_at_the_first_words_each_time_reaches_the_limit_of_the_day() {
    let folder = TempDir::new().unwrap();
    let file = format!("sqlite://{}/threads.db", folder.path().display());
    let stores = ["memory".to_owned(), file].into_iter().chain(postgres::database().await);
    for url in stores {
        let server = scripted(&[SPEAKS; 2 * MANY]).await;
        let store: Arc<dyn Store> = contract::store(&url).await;
        let cost_per_day = Some("0.0005".parse().unwrap());
        for (limits, what) in [
            (tokens(2_000), "tokens"),
            (CallerLimits { tokens_per_day: None, cost_per_day, ..ONE_TOKEN }, "money"),
        ] {
            let app = changed(&server, limits, |_, choices| {
                choices.store = Some(Arc::clone(&store));
            })
            .await;

            let turns = turns_until_refused(&app).await;

            // The second limit finds what was used under the first.
            let least = if what == "tokens" { 2 } else { 0 };
            assert!((least..MANY).contains(&turns), "{url}: {turns} turns by {what}");
        }
    }
}

#[tokio::test]
async fn whoever_leaves_before_the_answer_begins_has_made_its_model_work() {
    let server = scripted(&["hang_headers"]).await;
    let app = house(&server, ONE_TOKEN).await;
    let response = app.open(json_request("/chat", &hello())).await;
    let mut body = response.into_body().into_data_stream();
    while server.log().await.is_empty() {
        // The turn runs only while its answer is read.
        drop(tokio::time::timeout(Duration::from_millis(5), body.next()).await);
    }

    drop(body);
    app.idle().await;

    assert!(is_refused(&app).await);
}

#[tokio::test]
async fn however_an_answer_ends_without_counters_it_counts() {
    type Change = fn(&mut Settings, &mut Choices);
    let ways: [(&str, &str, Change); 9] = [
        ("the connection is lost", "cut_after(2)", |_, _| {}),
        ("it breaks off", "eof_after(2)", |_, _| {}),
        ("it falls silent", SPEAKS, |model, _| model.stall_timeout = MOMENT),
        ("the time of the turn is over", SPEAKS, |_, house| house.turn_timeout = MOMENT),
        ("it never begins", "hang_headers", |model, _| model.first_event_timeout = MOMENT),
        ("time is over before it begins", "hang_headers", |_, house| {
            house.turn_timeout = MOMENT;
        }),
        ("an error comes after a part of it", "mid_error_data", |_, _| {}),
        ("it is whole, and nobody counted", "text_no_id", |_, _| {}),
        ("it is a call, and nobody counted", "tool_stop_empty_id", |_, _| {}),
    ];
    for (what, scenario, change) in ways {
        let server = scripted(&[scenario; 9]).await;
        let app = changed(&server, ONE_TOKEN, change).await;

        app.ask(&hello()).await;

        assert!(is_refused(&app).await, "{what}");
    }
}

#[tokio::test]
async fn a_request_that_was_not_taken_counts_nothing() {
    for scenario in [
        "e503_overloaded",
        "e429_shared_capacity",
        "e400_invalid_argument",
        "close_before_headers",
        "html_200",
    ] {
        let server = scripted(&[scenario; 9]).await;
        // A refusal may name a pause, which a test has no time for.
        let once = |model: &mut Settings, _: &mut Choices| model.guard.retries = 0;
        let app = changed(&server, ONE_TOKEN, once).await;

        app.ask(&hello()).await;

        let used = app.get("/usage").await.json();
        assert_eq!(used["limits"][0]["used"], 0, "{scenario}");
        assert_eq!(used["days"][0]["requests"], 0, "{scenario}");
    }
}

#[tokio::test]
async fn a_request_that_reached_nobody_counts_nothing() {
    let server = scripted(&[]).await;
    let closed = |model: &mut Settings, _: &mut Choices| {
        model.base_url = "http://127.0.0.1:9/v1".to_owned();
    };
    let app = changed(&server, ONE_TOKEN, closed).await;

    app.ask(&hello()).await;

    assert!(!is_refused(&app).await);
}

#[tokio::test]
async fn an_estimate_is_told_as_one_and_no_part_of_what_is_known() {
    let server = scripted(&[SPEAKS, SPEAKS]).await;
    let app = house(&server, tokens(100_000)).await;
    hang_up(&app).await;
    hang_up(&app).await;

    let (used, today) = (app.get("/usage").await.json(), usage_of_today(&app).await);

    assert_eq!((&today["requests"], &today["unpriced_requests"]), (&json!(2), &json!(2)));
    assert_eq!((&today["input_tokens"], &today["output_tokens"]), (&json!(0), &json!(0)));
    assert_eq!(today["cost_usd"], Value::Null);
    let estimated = today["estimated_tokens"].as_u64().unwrap();
    assert!((200..10_000).contains(&estimated), "{today}");
    assert_eq!(used["limits"][0]["used"], estimated);
    // At the price of gemini-2.5-flash, nearly all of it for the prompt.
    let cost = today["estimated_cost_usd"].as_f64().unwrap();
    assert!(cost >= f64::from(u32::try_from(estimated).unwrap()) * 3e-7, "{today}");
    assert_eq!(today["models"][0]["estimated_tokens"], estimated);
}
