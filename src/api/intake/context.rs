//! Reads from headers and body what is known of a request besides what it asks.

use axum::http::HeaderMap;
use serde_json::Value;

use super::super::error::{ApiError, BrokenRule};
use super::super::http::request_id::RequestId;
use base::domain::Caller;
use chat::{Abilities, OnLeave, RepeatKey, RepeatWindow, RequestContext, digest};

/// In bytes: the longest idempotency key.
const MAX_KEY: usize = 255;

/// Reads the headers of a request that begins a turn.
pub(crate) fn context(
    request_id: RequestId,
    caller: Caller,
    headers: &HeaderMap,
    body: &Value,
    abilities: Abilities,
) -> Result<RequestContext, ApiError> {
    let repeat = repeat(headers, body)?;
    // A key belongs to its caller: two callers may use the same one.
    let repeat = repeat.map(|it| RepeatKey { key: own(&caller, it.key), ..it });
    Ok(RequestContext {
        caller,
        request_id: request_id.into_string(),
        repeat,
        time_zone: None, // Set from the body, where it is checked.
        abilities,
        on_leave: OnLeave::Cancel,
    })
}

/// A key, made different from the same key of other callers. Without authentication it stays as it
/// is, because stores hold keys in that form.
fn own(caller: &Caller, key: String) -> String {
    let owner = &caller.owner;
    if owner.is_anyone() { key } else { format!("own:{}", digest(&[owner.as_str(), &key])) }
}

/// What identifies a copy of the request. A key of the client counts more than its frame (ADR 14).
fn repeat(headers: &HeaderMap, body: &Value) -> Result<Option<RepeatKey>, ApiError> {
    let body = || digest(&[&body.to_string()]);
    if let Some(key) = headers.get("idempotency-key") {
        let key = key.to_str().ok().filter(|key| is_key(key));
        let key = format!("key:{}", key.ok_or_else(bad_key)?);
        return Ok(Some(RepeatKey { key, body: body(), window: RepeatWindow::Day }));
    }
    let Some(frame) = headers.get("chatkit-frame-instance-id") else { return Ok(None) };
    let (frame, body) = (String::from_utf8_lossy(frame.as_bytes()), body());
    // A frame sends many requests, so the body is a part of its key.
    let key = format!("frame:{}", digest(&[&frame, &body]));
    Ok(Some(RepeatKey { key, body, window: RepeatWindow::Turn }))
}

fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|it| matches!(it, b' '..=b'~'))
}

fn bad_key() -> ApiError {
    let message = format!("An idempotency key has 1 to {MAX_KEY} visible ASCII characters.");
    let (pointer, code) = ("/headers/idempotency-key".to_owned(), "bad_key".to_owned());
    ApiError::Rules(vec![BrokenRule { pointer, code, message }])
}
