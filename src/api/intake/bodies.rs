//! Reads a request's body as JSON, within the limits on bodies (ADR 19).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::super::error::ApiError;

/// In bytes: room for the longest message in any script, and for what surrounds it.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// In bytes: so much of a body needs no reservation, because its connection holds about as much
/// anyway.
const SMALL: usize = 16 * 1024;

/// In bytes: what all larger bodies together may hold while they arrive. Without this limit 300
/// unfinished bodies held 323 MB (ADR 19).
const ROOM: usize = 32 * MAX_BODY;

/// The room for bodies that are still arriving.
#[derive(Debug)]
pub(crate) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(ROOM))
    }
}

impl Bodies {
    /// Reads a JSON body; each fault has its own error.
    pub(crate) async fn read_json(&self, request: Request) -> Result<Value, ApiError> {
        // A page of another origin cannot send this type without a preflight request.
        if !is_json(request.headers()) {
            return Err(ApiError::NotJsonType);
        }
        let announced = announced(request.headers());
        // Refused by its head, before it arrives (ADR 19).
        if announced.is_some_and(|length| length > MAX_BODY) {
            return Err(ApiError::TooLarge { limit: MAX_BODY });
        }
        let length = announced.unwrap_or(MAX_BODY);
        let read = timeout(BODY_LIMIT, self.read(request.into_body(), length));
        // The room is held until the text is parsed and freed.
        let (body, _room) = read.await.map_err(|_| ApiError::TooSlow)??;
        let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotUtf8)?;
        serde_json::from_str(text)
            .map_err(|error| ApiError::NotJson { line: error.line(), column: error.column() })
    }

    /// A body reserves room for all of itself at once: with parts, two could wait for each other.
    async fn read(
        &self,
        body: Body,
        length: usize,
    ) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), ApiError> {
        let (mut pieces, mut text, mut room) = (body.into_data_stream(), Vec::new(), None);
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| ApiError::Unreadable)?;
            let so_far = text.len() + piece.len();
            if so_far > MAX_BODY {
                return Err(ApiError::TooLarge { limit: MAX_BODY });
            }
            if so_far > SMALL && room.is_none() {
                let bytes = u32::try_from(length).unwrap_or(u32::MAX);
                room = self.0.acquire_many(bytes).await.ok();
                text.reserve_exact(length.saturating_sub(text.len()));
            }
            text.extend_from_slice(&piece);
        }
        Ok((text, room))
    }
}

/// A number with too many digits is a size that is too large.
fn announced(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    Some(length.parse().unwrap_or(usize::MAX))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let essence = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
