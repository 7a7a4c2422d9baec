//! From a request's body to JSON, whatever was sent.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header;
use serde_json::Value;
use tokio::time::timeout;

use super::error::ApiError;

/// Room for the longest message in any script, and for its envelope.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// How long a body may take.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// Reads a JSON body; each fault has its own refusal.
pub(super) async fn read_json(request: Request) -> Result<Value, ApiError> {
    if !is_json(&request) {
        return Err(ApiError::NotJsonType);
    }
    let body = timeout(BODY_LIMIT, to_bytes(request.into_body(), MAX_BODY)).await;
    let body = body.map_err(|_| ApiError::TooSlow)?.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if too_large { ApiError::TooLarge { limit: MAX_BODY } } else { ApiError::Unreadable }
    })?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotUtf8)?;
    serde_json::from_str(text)
        .map_err(|error| ApiError::NotJson { line: error.line(), column: error.column() })
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE);
    let essence = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
