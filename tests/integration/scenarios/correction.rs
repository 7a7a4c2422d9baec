//! A call that nobody could read: the model is told what was wrong, in that request alone.

use std::time::Duration;

use orchestrator::domain::BreakerState;
use orchestrator::domain::HealthProbe;
use orchestrator::model::Settings;

use super::rounds::second_round;
use super::{ask, ask_within, model, patient, scripted, settings, text_of};
use crate::support::model_server::ModelServer;

const NOTE: &str = "could not be read";

#[tokio::test]
async fn after_an_unreadable_call_the_next_request_says_what_was_wrong() {
    for scenario in ["malformed_function_call", "malformed_with_text"] {
        let server = scripted(&[scenario; 2]).await;

        let heard = ask(&model(patient(&server)), "hi").await;

        assert!(heard.end.is_ok(), "{:?}", heard.end);
        assert_eq!(notes(&server).await, [0, 1, 1]);
        assert!(!text_of(&heard.said).contains("default_api"), "{scenario}");
        let log = server.log().await;
        let last = log[1]["body"]["messages"].as_array().unwrap().last().unwrap();
        let told = last["content"].as_str().unwrap();
        assert!(told.starts_with("hi\n\n[note from the system: your last call"), "{told}");
        assert!(told.contains("its name and one JSON object"), "{told}");
    }
}

#[tokio::test]
async fn behind_the_results_of_tools_a_strict_provider_takes_the_note_too() {
    for name in ["gemini-2.5-flash", "gemini-3.5-flash-lite"] {
        let server = ModelServer::emulate().await;
        let model = model(Settings { model: name.to_owned(), ..patient(&server) });
        let said = ask(&model, "call:list{}").await.end.unwrap().message;
        server.script(&[serde_json::json!({ "scenario": "malformed_function_call" })]).await;

        let second = second_round("call:list{}", &said);
        let heard = ask_within(&model, &second, Duration::from_secs(30)).await;

        assert!(heard.end.is_ok(), "{name}: {:?}", heard.end);
        assert_eq!(notes(&server).await, [0, 0, 1], "{name}");
        let log = server.log().await;
        assert_eq!(log[2]["body"]["messages"].as_array().unwrap().last().unwrap()["role"], "user");
    }
}

#[tokio::test]
async fn what_is_merely_empty_is_asked_again_as_it_was() {
    let server = scripted(&["flaky_empty(2)"]).await;
    assert!(ask(&model(patient(&server)), "hi").await.end.is_ok());
    assert_eq!(notes(&server).await, [0, 0, 0]);

    let server = scripted(&["malformed_function_call", "empty_stop"]).await;
    assert!(ask(&model(patient(&server)), "hi").await.end.is_ok());
    assert_eq!(notes(&server).await, [0, 1, 0]);
}

#[tokio::test]
async fn a_model_is_corrected_twice_and_no_more() {
    let server = scripted(&["malformed_function_call"; 9]).await;
    let mut settings = patient(&server);
    settings.guard.retries = 8;

    drop(ask(&model(settings), "hi").await.end.unwrap_err());

    assert_eq!(notes(&server).await, [0, 1, 1]);
}

#[tokio::test]
async fn asking_again_for_a_better_answer_does_not_speak_against_the_provider() {
    for scenario in ["flaky_malformed(2)", "flaky_empty(2)"] {
        let server = scripted(&[scenario]).await;
        let mut settings = settings(&server);
        settings.guard.breaker.max_failures = 1;
        let model = model(settings);

        assert!(ask(&model, "hi").await.end.is_ok(), "{scenario}");

        let breaker = model.report()[0].breaker;
        assert_eq!((breaker.state, breaker.calls.failed), (BreakerState::Closed, 0), "{scenario}");
    }
}

/// How often each request holds the note.
async fn notes(server: &ModelServer) -> Vec<usize> {
    let log = server.log().await;
    log.iter().map(|request| request["body"].to_string().matches(NOTE).count()).collect()
}
