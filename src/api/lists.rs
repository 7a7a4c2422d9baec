//! Limits the lists that are read at a time, so that turns find the database free and memory has
//! room (ADR 6).

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::error::ApiError;

/// A list may have thousands of rows, which are in memory up to three times while it is written.
const AT_A_TIME: usize = 2;

/// A request that has waited so long is refused, and may come again.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Lists(Semaphore);

impl Lists {
    pub(super) const fn new() -> Self {
        Self(Semaphore::const_new(AT_A_TIME))
    }

    /// Waits for a place, which must be held until the answer is written.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let place = timeout(PATIENCE, self.0.acquire()).await;
        place.map_err(|_| ApiError::ManyLists)?.map_err(|_| ApiError::Internal)
    }
}
