//! Faults of the model as a front end sees them: one honest end, never a silence.

mod fallbacks;
mod seen;
mod successor;
mod table;

use std::sync::Arc;
use std::time::Duration;

use orchestrator::domain::{Detail, HealthProbe};
use orchestrator::model::{OpenAiModel, Settings, Thinking};
use serde_json::json;

use crate::integration::scenarios::{model, patient};
use crate::support::app::{Choices, TestApp};
use crate::support::model_server::ModelServer;

const MARK: &str = "*[cut off here]*";

#[tokio::test]
async fn a_note_to_the_model_about_its_call_is_not_kept_in_the_thread() {
    let server = ModelServer::emulate().await;
    // The agent repeats what it is told, so that its own answer would hold the note.
    let entries = ["malformed_function_call", "text_usage_last"];
    server.script(&entries.map(|scenario| json!({ "scenario": scenario }))).await;
    let settings = patient(&server);
    let house = House::with(server, settings).await;

    let first = house.app.ask(&json!({ "message": "hi" })).await.json();
    let more = json!({ "message": "go on", "thread_id": first["thread_id"] });
    let second = house.app.ask(&more).await.json();

    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("completed"), &json!("completed")));
    let log = house.server.log().await;
    let holds_note: Vec<_> = log
        .iter()
        .map(|request| request["body"].to_string().contains("could not be read"))
        .collect();
    assert_eq!(holds_note, [false, true, false]);
}

#[tokio::test]
async fn text_of_an_earlier_round_does_not_forbid_another_attempt() {
    let server = ModelServer::emulate().await;
    let entries = ["text_then_tool", "e503_overloaded", "text_usage_last"];
    server.script(&entries.map(|scenario| json!({ "scenario": scenario }))).await;
    let settings = patient(&server);
    let house = House::with(server, settings).await;

    let answer = house.app.create("hi").await;

    assert_eq!(answer.types().last().unwrap(), "done assistant_message", "{}", answer.text);
    assert_eq!(house.server.log().await.len(), 3);
}

#[tokio::test]
async fn of_a_model_that_is_no_longer_offered_everybody_hears_the_way_out() {
    let house = House::new("e404_new_users", 1).await;

    let answer = house.app.create("hi").await;

    let advice = "GEMINI_MODEL=gemini-3.5-flash-lite";
    let message = answer.events().pop().unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(advice), "{message}");
    let Some(Detail::Model { advice: Some(kept), .. }) =
        house.model.report().pop().map(|dependency| dependency.detail)
    else {
        panic!("no advice was kept")
    };
    assert!(kept.contains(advice), "{kept}");
}

#[tokio::test]
async fn once_the_breaker_is_open_turns_end_at_once_and_nothing_is_sent() {
    let server = ModelServer::emulate().await;
    server.script(&vec![json!({ "scenario": "e503_overloaded" }); 9]).await;
    let mut settings = patient(&server);
    settings.guard.breaker.max_failures = 3;
    let house = House::with(server, settings).await;
    for _ in 0..3 {
        house.app.ask(&json!({ "message": "hi" })).await;
    }

    let refused = house.app.ask(&json!({ "message": "hi" })).await;

    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(house.server.log().await.len(), 9);
    let calls = house.model.report()[0].breaker.calls;
    assert_eq!((calls.failed, calls.rejected), (3, 1), "also the one that began no turn");
}

struct House {
    app: TestApp,
    model: Arc<OpenAiModel>,
    server: ModelServer,
}

impl House {
    /// A house whose model plays a scenario so many times.
    async fn new(scenario: &str, times: usize) -> Self {
        let server = ModelServer::emulate().await;
        server.script(&vec![json!({ "scenario": scenario }); times]).await;
        let settings = Settings { thinking: Thinking::Off, ..patient(&server) };
        Self::with(server, in_haste(scenario, settings)).await
    }

    async fn with(server: ModelServer, settings: Settings) -> Self {
        let model = model(settings);
        let turn_timeout = Duration::from_secs(10);
        let choices = Choices { model: model.clone(), turn_timeout, ..Choices::default() };
        Self { app: TestApp::new(choices).await, model, server }
    }
}

/// Soon gives up where nothing else ends the scenario.
fn in_haste(scenario: &str, mut settings: Settings) -> Settings {
    match scenario {
        // Long enough for a busy machine to note the request.
        "hang_headers" | "trickle" => settings.first_event_timeout = Duration::from_secs(1),
        "stall_after(2)" => settings.stall_timeout = Duration::from_millis(300),
        _ => {}
    }
    settings
}
