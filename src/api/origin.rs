//! Where a request comes from: what names it in the log, and what tells a copy of it.

use axum::http::HeaderMap;
use serde_json::Value;

use super::error::{ApiError, BrokenRule};
use super::request_id::RequestId;
use super::rules::zone;
use crate::chat::{Ask, OnLeave, RepeatKey, Span, TurnRequest, digest};

/// The longest key that is taken.
const MAX_KEY: usize = 255;

/// Where a request comes from.
#[derive(Debug)]
pub(super) struct Origin {
    request_id: RequestId,
    repeat: Option<RepeatKey>,
}

impl Origin {
    /// Reads the headers; a key of the client's own counts for more than its frame.
    pub(super) fn new(
        request_id: RequestId,
        headers: &HeaderMap,
        body: &Value,
    ) -> Result<Self, ApiError> {
        let repeat =
            match (headers.get("idempotency-key"), headers.get("chatkit-frame-instance-id")) {
                (Some(key), _) => {
                    let key = key.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
                    let key = format!("key:{}", key.ok_or_else(bad_key)?);
                    Some(RepeatKey { key, body: digest(&[&body.to_string()]), span: Span::Day })
                }
                (None, Some(frame)) => {
                    let body = digest(&[&body.to_string()]);
                    let key = format!(
                        "frame:{}",
                        digest(&[&String::from_utf8_lossy(frame.as_bytes()), &body])
                    );
                    Some(RepeatKey { key, body, span: Span::Turn })
                }
                (None, None) => None,
            };
        Ok(Self { request_id, repeat })
    }

    /// A request from here.
    pub(super) fn request(self, ask: Ask, time_zone: Option<&str>) -> TurnRequest {
        let (request_id, repeat) = (self.request_id.into_string(), self.repeat);
        let (time_zone, on_leave) = (time_zone.and_then(zone), OnLeave::Cancel);
        TurnRequest { ask, time_zone, repeat, on_leave, request_id }
    }
}

fn bad_key() -> ApiError {
    let message = format!("An idempotency key has 1 to {MAX_KEY} visible ASCII characters.");
    let (pointer, code) = ("/headers/idempotency-key".to_owned(), "bad_key".to_owned());
    ApiError::Rules(vec![BrokenRule { pointer, code, message }])
}
