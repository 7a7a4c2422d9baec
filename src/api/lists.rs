//! Lists that are read at a time: so few that turns find the database free, and memory has room.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::error::ApiError;

/// A list may be thousands of rows, which lie in memory up to three times while it is written.
const AT_A_TIME: usize = 2;

/// Whoever has waited this long is better told to come again than to go on waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// The places of those who read a list.
#[derive(Debug)]
pub(super) struct Lists(Semaphore);

impl Lists {
    pub(super) const fn new() -> Self {
        Self(Semaphore::const_new(AT_A_TIME))
    }

    /// Waits for a place, to be held until the answer is written down.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let place = timeout(PATIENCE, self.0.acquire()).await;
        place.map_err(|_| ApiError::ManyLists)?.map_err(|_| ApiError::Internal)
    }
}
