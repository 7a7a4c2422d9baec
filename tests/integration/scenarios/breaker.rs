//! The breaker of the model.

use std::time::Duration;

use orchestrator::agents::{Model, ModelError};
use orchestrator::domain::{BreakerState, Detail, HealthProbe};

use super::{ask, model, patient, scripted, settings};
use crate::support::watchdog::until;

#[tokio::test]
async fn after_three_calls_that_failed_nothing_is_sent() {
    let server = scripted(&["e503_overloaded"; 12]).await;
    let model = model(settings(&server));

    for _ in 0..3 {
        assert_eq!(model.refuses_for(), None);
        drop(ask(&model, "hi").await.end.unwrap_err());
    }
    let refused = ask(&model, "hi").await.end.unwrap_err();

    assert!(matches!(refused, ModelError::Unavailable { retry_in: Some(_), .. }), "{refused:?}");
    assert!(model.refuses_for().is_some());
    assert_eq!(model.report()[0].breaker.state, BreakerState::Open);
    assert_eq!(server.log().await.len(), 9);
}

#[tokio::test]
async fn one_message_that_the_provider_cannot_answer_closes_the_door_on_nobody() {
    for scenario in ["e500_internal", "hang_headers"] {
        let server = scripted(&[scenario; 3]).await;
        let mut settings = settings(&server);
        settings.first_event_timeout = Duration::from_millis(150);
        let model = model(settings);

        drop(ask(&model, "a very long question").await.end.unwrap_err());

        let breaker = model.report()[0].breaker;
        assert_eq!((breaker.state, breaker.calls.failed), (BreakerState::Closed, 1), "{scenario}");
    }
}

#[tokio::test]
async fn the_first_valid_event_of_a_probe_closes_it() {
    let server = scripted(&["e503_overloaded", "text_usage_last"]).await;
    let mut settings = settings(&server);
    settings.guard.retries = 0;
    settings.guard.breaker.max_failures = 1;
    settings.guard.breaker.cool_down = Duration::from_millis(20);
    let model = model(settings);
    drop(ask(&model, "hi").await.end.unwrap_err());

    until("a probe is due", || model.refuses_for().is_none()).await;
    let state = model.report()[0].breaker.state;
    let heard = ask(&model, "hi").await;

    assert_eq!(state, BreakerState::HalfOpen);
    assert!(heard.end.is_ok());
    assert_eq!(model.report()[0].breaker.state, BreakerState::Closed);
}

#[tokio::test]
async fn pauses_refusals_and_poor_replies_do_not_open_it() {
    for scenario in ["empty_stop", "malformed_function_call", "e429_per_day", "e400_location"] {
        let server = scripted(&[scenario; 9]).await;
        let model = model(settings(&server));

        for _ in 0..3 {
            drop(ask(&model, "hi").await.end.unwrap_err());
        }

        assert_eq!(model.report()[0].breaker.state, BreakerState::Closed, "{scenario}");
        assert_eq!(model.report()[0].breaker.calls.failed, 0, "{scenario}");
    }
}

#[tokio::test]
async fn answers_that_break_off_count_against_the_provider() {
    let server = scripted(&["truncated_no_finish"; 3]).await;
    let model = model(patient(&server));

    drop(ask(&model, "hi").await.end.unwrap_err());

    assert_eq!(model.report()[0].breaker.calls.failed, 1);
}

#[tokio::test]
async fn advice_is_kept_until_an_answer_comes() {
    let server = scripted(&["e404_new_users", "text_usage_last"]).await;
    let model = model(settings(&server));
    let advice = || match &model.report()[0].detail {
        Detail::Model { advice, .. } => advice.clone(),
        other @ (Detail::Mcp { .. }
        | Detail::Fallback { .. }
        | Detail::Keys { .. }
        | Detail::Database) => panic!("{other:?}"),
    };

    drop(ask(&model, "hi").await.end.unwrap_err());
    let given = advice().unwrap();
    drop(ask(&model, "hi").await.end.unwrap());

    assert!(given.contains("GEMINI_MODEL=gemini-3.5-flash-lite"), "{given}");
    assert_eq!(advice(), None);
}
