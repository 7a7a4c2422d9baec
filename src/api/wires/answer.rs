//! A turn as an HTTP answer: a stream of events, or one JSON object.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::http::rate_limit;
use super::super::intake::refused;
use base::domain::{Cost, Outcome, Spend};
use chat::{Allowance, Fact, ToolRecord, Turn, TurnEnd};
use streaming::{ChatKit, frames, only};

/// How many facts are taken at a time.
const AT_ONCE: usize = 64;

/// A turn as a stream. When the client leaves, the stream is dropped, and the turn's reader with
/// it.
pub(crate) fn stream(turn: Turn) -> Response {
    let response = events(Body::from_stream(frames(turn.events, ChatKit::default())));
    with_limits(response, turn.allowance.as_ref())
}

/// A refusal in the ChatKit form: an event where a status would be hidden or repeated (ADR 7).
pub(crate) fn refusal(error: ApiError) -> Result<Response, ApiError> {
    let outcome = error.as_event().ok_or_else(|| error.clone())?;
    let mut response = events(Body::from(only(ChatKit::default(), &error.to_string(), outcome)));
    // The status is 200, but the log has to say that it was refused.
    refused::mark(&mut response, &error);
    error.tell_limits(response.headers_mut());
    Ok(response)
}

/// A turn as one JSON object, after its end.
pub(crate) async fn whole(mut turn: Turn) -> Response {
    let mut heard = Vec::new();
    while turn.events.take(&mut heard, AT_ONCE).await.is_ok_and(|count| count > 0) {
        for event in heard.drain(..) {
            if let Fact::Ended(end) = event {
                let response = Json(summary(&end)).into_response();
                return with_limits(response, turn.allowance.as_ref());
            }
        }
    }
    // The log was closed without an end, for example after a panic.
    let (outcome, message) = (Outcome::Failed.as_str(), "The server failed to answer. Try again.");
    Json(json!({
        "thread_id": turn.thread, "message": message, "tool_calls": [],
        "outcome": outcome, "usage": cost(&Spend::unknown()),
    }))
    .into_response()
}

/// What the caller may still use, counted when the turn began.
fn with_limits(mut response: Response, allowance: Option<&Allowance>) -> Response {
    if let Some(allowance) = allowance {
        rate_limit::tell(response.headers_mut(), allowance);
    }
    response
}

fn summary(end: &TurnEnd) -> Value {
    let said = [Some(end.text.as_str()), end.told.as_deref()];
    let said: Vec<_> = said.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let mut summary = json!({
        "thread_id": end.thread,
        "message": said.join("\n\n"),
        "tool_calls": end.tool_calls.iter().map(call).collect::<Vec<_>>(),
        "outcome": end.outcome.as_str(),
        "usage": cost(&end.spend),
    });
    if let (Some(spent), Value::Object(members)) = (&end.thread_spend, &mut summary) {
        members.insert("thread_usage".to_owned(), cost(spent));
    }
    if let (Some(waiting), Value::Object(members)) = (&end.confirmation, &mut summary) {
        members.insert("confirmation".to_owned(), json!(waiting));
    }
    if let (false, Value::Object(members)) = (end.sign_ins.is_empty(), &mut summary) {
        members.insert("sign_ins".to_owned(), json!(end.sign_ins));
    }
    summary
}

/// The cost is null if a part of it is unknown: a partial sum would look complete (ADR 16).
fn cost(spend: &Spend) -> Value {
    json!({
        "input_tokens": spend.usage.input_tokens,
        "cached_tokens": spend.usage.cached_tokens,
        "output_tokens": spend.usage.output_tokens,
        "thinking_tokens": spend.usage.thinking_tokens,
        "cost_usd": spend.whole_cost().map(Cost::usd),
    })
}

fn call(record: &ToolRecord) -> Value {
    let arguments = serde_json::from_str(&record.arguments);
    json!({
        "name": record.name,
        "arguments": arguments.unwrap_or_else(|_| Value::String(record.arguments.clone())),
        "is_error": record.is_error,
        "result": record.result,
    })
}

fn events(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Without this nginx would collect the stream before it passes any of it on.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    response
}
