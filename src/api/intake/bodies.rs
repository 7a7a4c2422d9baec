//! Reads a request's body as JSON, within the limits on bodies (ADR 19).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::error::ApiError;
use super::announced::announced;
use super::strict_json::strict_json;

/// In bytes: room for the longest message in any script, and for what surrounds it.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// How long a body may take to arrive, besides the time that its bytes are given.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// How much longer for each byte that has come. Whoever sends half a megabit in a second is served,
/// whatever the length; whoever sends a byte at a time gets 10 s (ADR 33).
const BYTE_LIMIT: Duration = Duration::from_micros(16);

/// In bytes: so much of a body needs no reservation, because its connection holds about as much
/// anyway.
const SMALL: usize = 16 * 1024;

/// In bytes: the longest message in any script, escaped. So much has room of its own, which nobody
/// takes who announces more (ADR 33).
const MEDIUM: usize = 64 * 1024;

/// In bytes: what all medium bodies together, and all large ones, may hold while they arrive. Without
/// this limit 300 unfinished bodies held 323 MB (ADR 19).
const MEDIUM_ROOM: usize = 48 * MEDIUM;
const LARGE_ROOM: usize = 2 * MAX_BODY;

/// How long a body waits for its room.
const ROOM_LIMIT: Duration = Duration::from_secs(10);

/// The room for bodies that are still arriving.
#[derive(Debug)]
pub(crate) struct Bodies {
    medium: Semaphore,
    large: Semaphore,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { medium: Semaphore::new(MEDIUM_ROOM), large: Semaphore::new(LARGE_ROOM) }
    }
}

impl Bodies {
    /// Reads a JSON body; each fault has its own error.
    pub(crate) async fn read_json(&self, request: Request) -> Result<Value, ApiError> {
        let announced = announced(request.headers())?;
        // Refused by its head, before it arrives (ADR 19).
        if announced.is_some_and(|length| length > MAX_BODY) {
            return Err(ApiError::TooLarge { limit: MAX_BODY });
        }
        let length = announced.unwrap_or(MAX_BODY);
        // The room is held until the text is parsed and freed.
        let (body, _room) = self.read(request.into_body(), length).await?;
        let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotUtf8)?;
        strict_json(text)
    }

    /// A body reserves room for all of itself at once: with parts, two could wait for each other.
    async fn read(
        &self,
        body: Body,
        length: usize,
    ) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), ApiError> {
        let (mut pieces, mut text, mut room) = (body.into_data_stream(), Vec::new(), None);
        let mut until = Instant::now() + BODY_LIMIT;
        while let Some(piece) = before(until, pieces.next()).await? {
            let piece = piece.map_err(|_| ApiError::Unreadable)?;
            let so_far = text.len() + piece.len();
            if so_far > MAX_BODY {
                return Err(ApiError::TooLarge { limit: MAX_BODY });
            }
            if so_far > SMALL && room.is_none() {
                let bytes = u32::try_from(length).unwrap_or(u32::MAX);
                let rooms = if length > MEDIUM { &self.large } else { &self.medium };
                let (asked, place) = (Instant::now(), rooms.acquire_many(bytes));
                room = timeout(ROOM_LIMIT, place).await.map_err(|_| ApiError::NoRoom)?.ok();
                // The client does not pay for our own wait.
                until += asked.elapsed();
                text.reserve_exact(length.saturating_sub(text.len()));
            }
            text.extend_from_slice(&piece);
            until += BYTE_LIMIT * u32::try_from(piece.len()).unwrap_or(u32::MAX);
        }
        Ok((text, room))
    }
}

async fn before<T>(until: Instant, what: impl Future<Output = T>) -> Result<T, ApiError> {
    timeout_at(until, what).await.map_err(|_| ApiError::TooSlow)
}
