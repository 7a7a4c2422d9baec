//! Reads the body of a request, up to a bound.

use axum::body::{Body, to_bytes};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::wire::ChatRequest;

/// No request is longer than this, in bytes.
const MAX_BODY: usize = 8 << 20;

/// A body and its length.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) body: Value,
    pub(super) size: usize,
}

/// Reads a JSON body.
pub(super) async fn read(body: Body) -> Result<Read, Refusal> {
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        return Err(Refusal::saying(&format!(
            "Request payload size exceeds the limit: {MAX_BODY} bytes."
        )));
    };
    match serde_json::from_slice(&bytes) {
        Ok(body @ Value::Object(_)) => Ok(Read { body, size: bytes.len() }),
        Ok(_) => {
            Err(Refusal::saying("Invalid JSON payload received. Root element must be a message."))
        }
        Err(error) => {
            Err(Refusal::saying(&format!("Invalid JSON payload received. Parser error: {error}")))
        }
    }
}

impl Read {
    /// The request that the body is.
    pub(super) fn request(&self) -> Result<ChatRequest, Refusal> {
        let invalid = |error| Refusal::saying(&format!("Invalid value: {error}"));
        ChatRequest::deserialize(&self.body).map_err(invalid)
    }
}
