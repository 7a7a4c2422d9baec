//! How often a provider is asked, and when it is left alone.

use std::time::Duration;

use orchestrator::agents::{Delta, ModelError};
use orchestrator::domain::BreakerState;
use serde_json::json;
use tokio::time::Instant;

use super::{Asked, ask, channel, good, piece, refusal, words};
use crate::support::scripted_http::{Answer, Then, frames};

#[tokio::test]
async fn what_may_pass_is_asked_again_until_it_has() {
    let empty = Answer::events(&[
        json!({"choices": [{"delta": {"role": "assistant"}, "finish_reason": "stop"}]}),
    ]);
    let malformed = Answer::events(&[
        json!({"choices": [{"finish_reason": "function_call_filter: MALFORMED_FUNCTION_CALL"}]}),
    ]);
    let thought = json!({"choices": [{"delta": {"content": "Hm", "extra_content": {"google": {"thought": true}}}}]});
    let thought_only = Answer::stream(&[frames(&[thought]).as_bytes()]);
    let table = [
        refusal(503, "UNAVAILABLE", "overloaded"),
        refusal(500, "INTERNAL", "m"),
        refusal(504, "DEADLINE_EXCEEDED", "m"),
        Answer::whole(502, "text/html", "<html>"),
        Answer::whole(408, "text/plain", ""),
        Answer::raw("", Then::Close),
        Answer::events(&[json!({"error": {"code": 503, "message": "m"}})]),
        empty,
        malformed,
        thought_only,
    ];

    for answer in table {
        let asked = Asked::answering(vec![answer.clone(), answer.clone(), good()]).await;
        let (said, reply) = asked.reply().await;
        assert!(reply.is_ok(), "{reply:?} after {answer:?}");
        assert_eq!((words(&said), asked.requests()), ("Hello.".to_owned(), 3));
        assert_eq!(asked.health().state, BreakerState::Closed);
    }
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    let blocked =
        Answer::events(&[json!({"choices": [{"finish_reason": "content_filter: SAFETY"}]})]);
    let long = Answer::events(&[json!({"choices": [{"delta": {}, "finish_reason": "length"}]})]);
    let table = [
        refusal(400, "INVALID_ARGUMENT", "m"),
        refusal(403, "PERMISSION_DENIED", "m"),
        refusal(404, "NOT_FOUND", "m"),
        Answer::whole(307, "text/html", ""),
        blocked,
        long,
    ];

    for answer in table {
        let asked = Asked::answering(vec![answer.clone()]).await;
        for _ in 0..4 {
            assert!(asked.reply().await.1.is_err());
        }
        assert_eq!(asked.requests(), 4, "{answer:?}");
        let health = asked.health();
        assert_eq!((health.state, health.calls.failed), (BreakerState::Closed, 0), "{answer:?}");
    }
}

#[tokio::test]
async fn nothing_is_asked_again_once_text_was_shown() {
    let error = json!({"error": {"code": 503, "message": "m"}});
    let half = frames(&[piece("Half", None)]);
    let broken = frames(&[piece("Half", None), error]);
    let filtered = frames(&[
        piece("Half", None),
        json!({"choices": [{"finish_reason": "function_call_filter: X"}]}),
    ]);

    for body in [half, broken, filtered] {
        let asked = Asked::answering(vec![Answer::stream(&[body.as_bytes()]), good()]).await;
        let (said, reply) = asked.reply().await;
        assert!(reply.is_err(), "{body}");
        assert_eq!((words(&said), asked.requests()), ("Half".to_owned(), 1));
    }
}

#[tokio::test]
async fn a_pause_is_kept_to_the_fraction_and_opens_nothing() {
    let details =
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.25s"}]);
    let body = json!([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": details}}]);
    let asked =
        Asked::answering(vec![Answer::whole(429, "application/json", &body.to_string()), good()])
            .await;
    let start = Instant::now();

    let (_, reply) = asked.reply().await;

    assert!(reply.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    assert_eq!((asked.requests(), asked.health().calls.failed), (2, 0));
}

#[tokio::test]
async fn a_pause_past_the_deadline_is_told_at_once() {
    let asked =
        Asked::answering(vec![refusal(429, "RESOURCE_EXHAUSTED", "Please retry in 39s.")]).await;

    for _ in 0..2 {
        let reply = asked.reply_within(Duration::from_secs(5)).await.1;
        let Err(ModelError::Unavailable { retry_in: Some(wait), .. }) = reply else {
            unreachable!("{reply:?}")
        };
        assert!(wait > Duration::from_secs(30));
    }
    assert_eq!(asked.requests(), 1);
}

#[tokio::test]
async fn a_spent_quota_holds_the_provider_back_for_minutes_and_every_turn_hears_of_it() {
    let per_day = json!([{"error": {"code": 429, "details": [{"violations": [{"quotaId": "RequestsPerDay"}]}, {"retryDelay": "1s"}]}}]);
    let credit = json!({"error": {"code": "insufficient_quota", "message": "m"}});
    let table = [
        (429, per_day, "its quota of the day"),
        (429, credit, "its account's credit"),
        (402, json!({"error": {"message": "m", "code": 402}}), "its account's credit"),
    ];

    for (status, body, what) in table {
        let answer = Answer::whole(status, "application/json", &body.to_string());
        let asked = Asked::answering(vec![answer, good()]).await;
        for _ in 0..3 {
            assert_eq!(asked.reply().await.1, Err(ModelError::Spent(what)));
        }

        assert_eq!(asked.requests(), 1);
        let health = asked.health();
        assert_eq!((health.state, health.calls.failed), (BreakerState::Closed, 0));
        assert!((290.0..=300.0).contains(&health.cooling.unwrap()));
        assert!(health.advice.unwrap().contains("GEMINI_API_KEY"));
    }
}

#[tokio::test]
async fn a_pause_without_a_length_is_told_with_ours() {
    let asked =
        Asked::with(vec![refusal(429, "RESOURCE_EXHAUSTED", "m")], |it| it.guard.retries = 0).await;

    let reply = asked.reply().await.1;

    let Err(ModelError::Unavailable { retry_in: Some(wait), .. }) = reply else {
        unreachable!("{reply:?}")
    };
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
}

#[tokio::test]
async fn the_breaker_opens_and_then_nothing_is_sent() {
    let asked =
        Asked::with(vec![refusal(503, "UNAVAILABLE", "m")], |settings| settings.guard.retries = 0)
            .await;

    for _ in 0..3 {
        asked.reply().await.1.unwrap_err();
    }
    let reply = asked.reply().await.1;

    assert!(matches!(reply, Err(ModelError::Unavailable { retry_in: Some(_), .. })), "{reply:?}");
    let health = asked.health();
    assert_eq!((asked.requests(), health.state, health.calls.rejected), (3, BreakerState::Open, 1));
}

#[tokio::test]
async fn streams_that_break_again_and_again_open_the_breaker() {
    let half = frames(&[piece("Half", None)]);
    let asked = Asked::answering(vec![Answer::pieces(&[half.as_bytes()], Then::Close)]).await;

    for _ in 0..3 {
        asked.reply().await.1.unwrap_err();
    }

    assert_eq!(asked.health().state, BreakerState::Open);
}

#[tokio::test]
async fn a_probe_closes_at_the_first_event() {
    let half = frames(&[piece("Half", None)]);
    let asked = Asked::with(
        vec![refusal(503, "UNAVAILABLE", "m"), Answer::pieces(&[half.as_bytes()], Then::Hang)],
        |settings| {
            settings.guard.breaker.max_failures = 1;
            settings.guard.breaker.cool_down = Duration::ZERO;
            settings.guard.retries = 0;
        },
    )
    .await;
    asked.reply().await.1.unwrap_err();

    let (deltas, mut said) = channel();
    let reply = ask(&asked.model, &deltas, Duration::from_secs(20));
    tokio::select! {
        reply = reply => unreachable!("{reply:?}"),
        delta = said.recv() => assert_eq!(delta, Some(Delta::Text("Half".to_owned()))),
    }

    assert_eq!(asked.health().state, BreakerState::Closed);
}

#[tokio::test]
async fn silence_is_cut_before_the_first_event_and_after_it() {
    let half = frames(&[piece("Half", None)]);
    let (short, long) = (Duration::from_millis(40), Duration::from_secs(20));
    let table = [
        (Answer::raw("", Then::Hang), (short, long), "no answer began", 2),
        (Answer::pieces(&[], Then::Hang), (short, long), "no answer began", 2),
        (Answer::pieces(&[half.as_bytes()], Then::Hang), (long, short), "it fell silent", 1),
    ];

    for (answer, (first, stall), what, requests) in table {
        let asked = Asked::with(vec![answer], |settings| {
            settings.first_event_timeout = first;
            settings.stall_timeout = stall;
        })
        .await;
        assert_eq!(asked.reply().await.1, Err(ModelError::TimedOut(what)));
        assert_eq!((asked.requests(), asked.health().calls.failed), (requests, 1));
    }
}

#[tokio::test]
async fn the_time_of_the_turn_ends_everything_and_blames_nobody() {
    let asked = Asked::answering(vec![Answer::raw("", Then::Hang)]).await;

    let reply = asked.reply_within(Duration::from_millis(30)).await.1;

    assert!(matches!(reply, Err(ModelError::TimedOut(_))));
    assert_eq!(asked.health().calls.failed, 0);
}

#[tokio::test]
async fn a_reply_nobody_waits_for_closes_its_request() {
    let half = frames(&[piece("Half", None)]);

    for answer in [Answer::raw("", Then::Hang), Answer::pieces(&[half.as_bytes()], Then::Hang)] {
        let asked = Asked::answering(vec![answer]).await;
        let (deltas, _said) = channel();
        tokio::select! {
            reply = ask(&asked.model, &deltas, Duration::from_secs(20)) => unreachable!("{reply:?}"),
            () = asked.server.asked() => {}
        }
        asked.server.client_left().await;
        assert_eq!(asked.health().calls.failed, 0);
    }
}

#[tokio::test]
async fn nobody_listening_on_the_port_is_unavailable_and_counts() {
    let asked = Asked::with(vec![good()], |settings| {
        settings.base_url = "http://127.0.0.1:1/v1".to_owned();
        settings.guard.breaker.max_failures = 5;
    })
    .await;

    let reply = asked.reply().await.1;

    assert!(matches!(reply, Err(ModelError::Unavailable { retry_in: None, .. })), "{reply:?}");
    assert_eq!(asked.health().calls.failed, 1);
}

#[tokio::test]
async fn advice_is_kept_until_the_provider_takes_a_request() {
    let asked =
        Asked::answering(vec![refusal(404, "NOT_FOUND", "no longer available"), good()]).await;

    let refused = asked.reply().await.1;

    assert!(matches!(refused, Err(ModelError::Unoffered(_))), "{refused:?}");
    let advice = asked.health().advice.unwrap();
    assert!(advice.contains("set GEMINI_MODEL=gemini-3.5-flash-lite"), "{advice}");
    asked.reply().await.1.unwrap();
    assert_eq!(asked.health().advice, None);
}
