//! Faults of the model as a front end sees them: one honest end, never a silence.

mod fallbacks;

use std::sync::Arc;
use std::time::Duration;

use orchestrator::domain::{Detail, HealthProbe};
use orchestrator::model::{OpenAiModel, Settings};
use serde_json::{Value, json};

use crate::integration::scenarios::{model, patient};
use crate::support::app::{Choices, TestApp};
use crate::support::model_server::ModelServer;

const MARK: &str = "*[cut off here]*";

/// Scenario, outcome, and whether text is shown before it fails.
const FAULTS: &[(&str, &str, bool)] = &[
    ("empty_stop", "empty", false),
    ("length_no_text", "too_long", false),
    ("malformed_function_call", "malformed", false),
    ("malformed_with_text", "malformed", true),
    ("gateway_glued_args", "malformed", false),
    ("content_filter_prohibited", "blocked", false),
    ("content_filter_recitation_partial", "blocked", true),
    ("completion_prohibited", "blocked", false),
    ("html_200", "failed", false),
    ("truncated_no_finish", "truncated", true),
    ("mid_error_data", "unavailable", true),
    ("mid_error_array", "unavailable", true),
    ("mid_error_raw", "unavailable", true),
    ("openrouter_mid_error", "unavailable", true),
    ("cut_after(2)", "truncated", true),
    ("eof_after(2)", "truncated", true),
    ("stall_after(2)", "timed_out", true),
    ("hang_headers", "timed_out", false),
    ("close_before_headers", "unavailable", false),
    ("e400_bad_key", "failed", false),
    ("e400_too_many_states", "failed", false),
    ("e403_permission", "failed", false),
    ("e404_new_users", "failed", false),
    ("e429_per_day", "unavailable", false),
    ("e500_internal", "unavailable", false),
    ("e502_html", "unavailable", false),
    ("e503_overloaded", "unavailable", false),
    ("e504_deadline", "unavailable", false),
];

const WHOLE: &[&str] = &[
    "text_usage_last",
    "text_then_tool",
    "tool_parallel_index0",
    "tool_stop_empty_id",
    "tool_gemini3_stop_trailer",
    "tool_unknown_name",
    "tool_bad_args",
    "tool_args_array",
    "thoughts_then_tool",
    "finish_without_done",
    "json_on_stream",
    "openai_tool_pieces",
];

#[tokio::test]
async fn every_fault_ends_a_stream_with_one_error_and_marks_what_was_cut() {
    for (scenario, outcome, is_cut) in FAULTS {
        let house = House::new(scenario, 3).await;

        let answer = house.app.create("hi").await;

        assert_eq!(answer.status, 200);
        let events = answer.events();
        let errors: Vec<_> = events.iter().filter(|event| event["type"] == "error").collect();
        assert_eq!(errors.len(), 1, "{scenario} {outcome}: {}", answer.text);
        assert_eq!(events.last(), Some(errors[0]), "{scenario}");
        assert_ne!(errors[0]["message"], "", "{scenario}");
        assert_eq!(answer.text.contains(MARK), *is_cut, "{scenario}: {}", answer.text);
        assert_eq!(answer.text.contains("assistant_message"), *is_cut, "{scenario}");
    }
}

#[tokio::test]
async fn every_fault_has_its_outcome_and_words_in_the_short_form() {
    for (scenario, outcome, is_cut) in FAULTS {
        let house = House::new(scenario, 3).await;

        let answer = house.app.ask(&json!({ "message": "hi" })).await;

        assert_eq!(answer.status, 200);
        let answer = answer.json();
        assert_eq!(answer["outcome"], *outcome, "{scenario}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(!message.trim().is_empty(), "{scenario}");
        assert_eq!(message.contains(MARK), *is_cut, "{scenario}: {message}");
    }
}

#[tokio::test]
async fn answers_in_any_layout_end_whole() {
    for scenario in WHOLE {
        let house = House::new(scenario, 1).await;

        let stream = house.app.create("hi").await;

        let errors = stream.events().into_iter().filter(|event| event["type"] == "error");
        assert_eq!(errors.collect::<Vec<_>>(), Vec::<Value>::new(), "{scenario}");
        assert_eq!(stream.types().last().unwrap(), "done assistant_message", "{scenario}");

        let house = House::new(scenario, 1).await;
        let short = house.app.ask(&json!({ "message": "hi" })).await.json();
        assert_eq!(short["outcome"], "completed", "{scenario}: {short}");
        assert_ne!(short["message"], "", "{scenario}");
    }
}

#[tokio::test]
async fn a_call_repeated_for_ever_is_stopped() {
    let house = House::new("text_usage_last", 0).await;

    let answer = house.app.ask(&json!({ "message": "[[scenario:repeat_call]]" })).await.json();

    assert_eq!(answer["outcome"], "stopped", "{answer}");
}

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
async fn of_a_model_that_is_no_longer_offered_the_operator_hears_the_way_out() {
    let house = House::new("e404_new_users", 1).await;

    let answer = house.app.create("hi").await;

    let advice = "GEMINI_MODEL=gemini-3.5-flash-lite";
    let message = answer.events().pop().unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("/health") && !message.contains("GEMINI"), "{message}");
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
    house.app.ask(&json!({ "message": "hi" })).await;

    let refused = house.app.ask(&json!({ "message": "hi" })).await;

    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(house.server.log().await.len(), 3);
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
        let short = Duration::from_millis(300);
        let mut settings = patient(&server);
        match scenario {
            "hang_headers" => settings.first_event_timeout = short,
            "stall_after(2)" => settings.stall_timeout = short,
            _ => {}
        }
        Self::with(server, settings).await
    }

    async fn with(server: ModelServer, settings: Settings) -> Self {
        let model = model(settings);
        let choices = Choices { model: model.clone(), ..Choices::default() };
        Self { app: TestApp::new(choices).await, model, server }
    }
}
