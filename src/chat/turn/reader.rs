//! One reader of a turn's log: takes what is there, at its own pace.

use std::future::poll_fn;
use std::sync::Arc;

use super::log::{Cursor, Log};
use crate::chat::ThreadEvent;

/// Reads the log of a turn. When the last one is dropped the turn ends in order, unless its request
/// says otherwise.
#[derive(Debug)]
#[must_use = "a turn without readers is cancelled"]
pub struct Reader {
    log: Arc<Log>,
    id: u64,
}

/// The reader was too slow: it was let go, or what it should have read next is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what happens was not read for too long")]
pub struct Behind;

impl Reader {
    pub(super) const fn new(log: Arc<Log>, id: u64) -> Self {
        Self { log, id }
    }

    /// How far it has read, for whoever goes on from there; none if it was let go.
    pub fn at(&self) -> Option<Cursor> {
        self.log.at(self.id)
    }

    /// Waits for events and takes up to `most` of them; none are left once there are 0.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn take(
        &mut self,
        into: &mut Vec<ThreadEvent>,
        most: usize,
    ) -> Result<usize, Behind> {
        poll_fn(|context| self.log.take(self.id, into, most, context)).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.log.leave(self.id);
    }
}
