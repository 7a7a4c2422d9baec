//! Reads the body of a request, up to a limit.

use axum::body::{Body, to_bytes};
use serde::Deserialize;
use serde_json::Value;

use super::problem::Unreadable;
use super::request::ChatRequest;

/// Bytes of a request at most.
const MAX_BODY: usize = 8 << 20;

#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) body: Value,
    pub(crate) size: usize,
}

pub(crate) async fn read(body: Body) -> Result<Read, Unreadable> {
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        return Err(Unreadable(format!(
            "Request payload size exceeds the limit: {MAX_BODY} bytes."
        )));
    };
    match serde_json::from_slice(&bytes) {
        Ok(body @ Value::Object(_)) => Ok(Read { body, size: bytes.len() }),
        Ok(_) => {
            Err(Unreadable("Invalid JSON payload received. Root element must be a message.".into()))
        }
        Err(error) => {
            Err(Unreadable(format!("Invalid JSON payload received. Parser error: {error}")))
        }
    }
}

impl Read {
    pub(crate) fn request(&self) -> Result<ChatRequest, Unreadable> {
        let invalid = |error| Unreadable(format!("Invalid value: {error}"));
        ChatRequest::deserialize(&self.body).map_err(invalid)
    }
}
