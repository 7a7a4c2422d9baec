//! What each refusal means, in Google's shape and in that of others.

use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::model::{Failure, Refused};
use orchestrator::resilience::{Repeat, Verdict};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

#[test]
fn servers_that_are_down_are_ill_and_asked_again() {
    for status in [408, 500, 502, 503, 504] {
        let failure = judge(status, &google(status, "UNAVAILABLE", "overloaded", json!([])));

        assert_eq!((failure.verdict, failure.repeat), (Verdict::Ill, Repeat::AfterBackoff));
        assert!(matches!(failure.error, ModelError::Unavailable { .. }));
    }
    let html = Refused::read(502, &HeaderMap::new(), b"<html>Bad gateway").failure();
    assert_eq!((html.verdict, html.repeat), (Verdict::Ill, Repeat::AfterBackoff));
    assert_eq!(judge(501, &json!({})).repeat, Repeat::Never);
}

#[test]
fn a_pause_is_found_wherever_it_is_named() {
    let detail = |delay: &str| json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
    let table = [
        (google(429, "RESOURCE_EXHAUSTED", "slow down", detail("39s")), Some(39.0)),
        (
            google(429, "RESOURCE_EXHAUSTED", "slow down", detail("45.837906927s")),
            Some(45.837_906_927),
        ),
        (
            google(429, "RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 33.82s.", json!([])),
            Some(33.82),
        ),
        (
            json!({"error": {"message": "Please try again in 1m30s.", "code": "rate_limit_exceeded"}}),
            Some(90.0),
        ),
        (
            json!({"error": {"message": "Please try again in 250ms", "code": "rate_limit_exceeded"}}),
            Some(0.25),
        ),
        (google(429, "RESOURCE_EXHAUSTED", "Please retry in a while.", detail("soon")), None),
        (google(429, "RESOURCE_EXHAUSTED", "Please retry in 99999999h", json!([])), Some(3600.0)),
        (Value::Null, None),
    ];

    for (body, seconds) in table {
        let pause = seconds.map(Duration::from_secs_f64);
        let failure = judge(429, &body);
        assert_eq!(failure.verdict, Verdict::Busy(pause), "{body}");
        assert_eq!(failure.repeat, pause.map_or(Repeat::AfterBackoff, Repeat::After));
    }
}

#[test]
fn a_header_is_believed_before_the_body() {
    let body = google(429, "RESOURCE_EXHAUSTED", "Please retry in 9s.", json!([]));
    let mut headers = HeaderMap::new();

    for (value, pause) in [("2", 2), ("Thu, 01 Jan 2099 00:00:00 GMT", 3600), ("never", 9)] {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        let failure = Refused::read(429, &headers, body.to_string().as_bytes()).failure();
        assert_eq!(failure.verdict, Verdict::Busy(Some(Duration::from_secs(pause))), "{value}");
    }
}

#[test]
fn a_quota_of_the_day_is_final_though_a_short_pause_is_named() {
    let details = json!([
        {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        {"retryDelay": "12s"}]);
    let spent = json!({"error": {"code": "insufficient_quota", "message": "no credit"}});

    for body in [google(429, "RESOURCE_EXHAUSTED", "Quota exceeded", details), spent] {
        let failure = judge(429, &body);
        assert!(matches!(failure.error, ModelError::Unavailable { .. }));
        assert_eq!((failure.verdict, failure.repeat), (Verdict::Well, Repeat::Never));
    }
}

#[test]
fn a_key_that_is_not_taken_is_named_whatever_the_status() {
    let invalid = |message: &str, details| google(400, "INVALID_ARGUMENT", message, details);
    let reason = json!([{"reason": "API_KEY_INVALID"}]);

    assert_advised(400, &invalid("secret words", reason), "GEMINI_API_KEY");
    assert_advised(400, &invalid("API key not valid.", json!([])), "GEMINI_API_KEY");
    assert_advised(400, &invalid("Invalid Authorization header.", json!([])), "GEMINI_API_KEY");
    assert_advised(401, &google(401, "UNAUTHENTICATED", "m", json!([])), "GEMINI_API_KEY");
    assert_advised(403, &Value::Null, "GEMINI_API_KEY");
    assert_advised(400, &google(400, "FAILED_PRECONDITION", "m", json!([])), "region");
    assert_advised(402, &Value::Null, "credit");
}

#[test]
fn what_else_an_operator_can_change_is_said_in_our_words() {
    let gone = google(404, "NOT_FOUND", "no longer available to new users", json!([]));
    let field = google(400, "INVALID_ARGUMENT", "Unknown name \"secret words\"", json!([]));
    let signature = google(400, "INVALID_ARGUMENT", "is missing a thought_signature", json!([]));
    let altered = google(400, "INVALID_ARGUMENT", "Thought signature is not valid", json!([]));

    assert_advised(404, &gone, "set GEMINI_MODEL=gemini-3.5-flash-lite");
    assert_advised(404, &Value::Null, "GEMINI_BASE_URL");
    assert_advised(301, &Value::Null, "GEMINI_BASE_URL");
    assert_advised(400, &field, "the request's form (400 INVALID_ARGUMENT)");
    assert_advised(400, &signature, "thought signature");
    assert_advised(400, &altered, "thought signature");
}

#[test]
fn a_conversation_that_is_too_long_is_no_fault_of_the_settings() {
    let body =
        google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum", json!([]));

    assert!(matches!(judge(400, &body).error, ModelError::Failed(_)));
    assert!(matches!(judge(413, &Value::Null).error, ModelError::Failed(_)));
}

fn judge(status: u16, body: &Value) -> Failure {
    Refused::read(status, &HeaderMap::new(), body.to_string().as_bytes()).failure()
}

fn google(code: u16, status: &str, message: &str, details: Value) -> Value {
    json!([{"error": {"code": code, "message": message, "status": status, "details": details}}])
}

fn assert_advised(status: u16, body: &Value, part: &str) {
    let failure = judge(status, body);
    let ModelError::Misconfigured { advice } = &failure.error else { unreachable!("{failure:?}") };
    assert!(advice.contains(part) && !advice.contains("secret words"), "{advice}");
    assert_eq!((failure.verdict, failure.repeat), (Verdict::Well, Repeat::Never));
}
