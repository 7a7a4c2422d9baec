//! What each refusal means, in Google's shape and in that of others.

use std::time::Duration;

use orchestrator::agents::ModelError;
use orchestrator::model::{Failure, ProviderRefusal, Remedy};
use orchestrator::resilience::{Repeat, Verdict};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

#[test]
fn servers_that_are_down_are_ill_and_asked_again() {
    for status in [408, 500, 502, 503, 504, 520, 522, 524, 529] {
        let failure = judge(status, &google(status, "UNAVAILABLE", "overloaded", json!([])));

        assert_eq!((failure.verdict, failure.repeat), (Verdict::Ill, Repeat::AfterBackoff));
        assert!(matches!(failure.error, ModelError::Unavailable { .. }));
    }
    let html = ProviderRefusal::read(502, &HeaderMap::new(), b"<html>Bad gateway").failure();
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
fn what_is_spent_is_final_though_a_short_pause_is_named() {
    let details = json!([
        {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        {"retryDelay": "12s"}]);
    let per_day = google(429, "RESOURCE_EXHAUSTED", "Quota exceeded", details);
    let by_code = json!({"error": {"code": "insufficient_quota", "message": "Try again in 1s"}});
    let by_type = json!({"error": {"type": "insufficient_quota", "code": 429, "message": "m"}});
    let table = [
        (429, per_day, Remedy::DayQuota),
        (429, by_code, Remedy::Credit),
        (429, by_type, Remedy::Credit),
        (402, Value::Null, Remedy::Credit),
    ];

    for (status, body, remedy) in table {
        let failure = judge(status, &body);
        assert!(matches!(failure.error, ModelError::Spent(_)), "{body}");
        assert_eq!(failure.verdict, Verdict::Busy(Some(Duration::from_mins(5))));
        assert_eq!((failure.repeat, failure.remedy), (Repeat::Never, Some(remedy)), "{body}");
    }
    let in_stream = json!({"error": {"code": "insufficient_quota", "message": "m"}});
    let failure = ProviderRefusal::in_stream(&in_stream).unwrap().failure();
    assert_eq!(failure.remedy, Some(Remedy::Credit));
}

#[test]
fn what_only_an_operator_can_change_is_known_whatever_the_status() {
    let invalid = |message: &str| google(400, "INVALID_ARGUMENT", message, json!([]));
    let reason = json!([{"reason": "API_KEY_INVALID"}]);
    let form = Remedy::Form(400, "INVALID_ARGUMENT".to_owned());
    let table = [
        (400, google(400, "INVALID_ARGUMENT", "secret words", reason), Remedy::UnknownKey),
        (400, invalid("API key not valid."), Remedy::UnknownKey),
        (400, invalid("Invalid Authorization header."), Remedy::UnknownKey),
        (401, google(401, "UNAUTHENTICATED", "m", json!([])), Remedy::Key(401)),
        (403, Value::Null, Remedy::Key(403)),
        (400, google(400, "FAILED_PRECONDITION", "m", json!([])), Remedy::Billing),
        (
            404,
            google(404, "NOT_FOUND", "no longer available to new users", json!([])),
            Remedy::Model,
        ),
        (404, Value::Null, Remedy::Address(404)),
        (301, Value::Null, Remedy::Address(301)),
        (400, invalid("Unknown name \"secret words\""), form),
        (400, invalid("is missing a thought_signature"), Remedy::Signature),
        (400, invalid("Thought signature is not valid"), Remedy::Signature),
        (400, invalid("Thinking level MINIMAL is not supported"), Remedy::Thinking),
        (400, invalid("Unrecognized request argument: extra_body"), Remedy::Dialect("extra_body")),
        (400, invalid("Unknown name \"google\": Cannot find field."), Remedy::Dialect("google")),
        (400, invalid(r#"'{"message": "Unknown name \"google\""}'"#), Remedy::Dialect("google")),
    ];

    for (status, body, remedy) in table {
        let failure = judge(status, &body);
        // Who answers at a wrong address is not the provider.
        let is_alive = !matches!(remedy, Remedy::Address(_));
        let verdict = if is_alive { Verdict::Answered } else { Verdict::Nothing };
        assert_eq!((failure.error, failure.remedy), (ModelError::Misconfigured, Some(remedy)));
        assert_eq!((failure.verdict, failure.repeat), (verdict, Repeat::Never));
    }
}

#[test]
fn a_conversation_that_is_too_long_is_no_fault_of_the_settings() {
    let body =
        google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum", json!([]));

    assert!(matches!(judge(400, &body).error, ModelError::Failed(_)));
    assert!(matches!(judge(413, &Value::Null).error, ModelError::Failed(_)));
}

fn judge(status: u16, body: &Value) -> Failure {
    ProviderRefusal::read(status, &HeaderMap::new(), body.to_string().as_bytes()).failure()
}

fn google(code: u16, status: &str, message: &str, details: Value) -> Value {
    json!([{"error": {"code": code, "message": message, "status": status, "details": details}}])
}
