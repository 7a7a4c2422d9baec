//! One reader of a turn's log: takes what is there, at its own pace.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::engine::Engine;
use super::log::{Cursor, TurnLog};
use crate::chat::Fact;

/// Reads the log of a turn. When the last one is dropped the turn ends in order, unless its request
/// says otherwise.
#[must_use = "a turn without readers is cancelled"]
pub struct Reader {
    log: Arc<TurnLog>,
    id: u64,
    /// The turn itself, if it is done by whoever reads here.
    engine: Option<Arc<Engine>>,
}

/// The reader was too slow: it was let go, or what it should have read next is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what happens was not read for too long")]
pub struct Behind;

impl Reader {
    pub(super) const fn new(log: Arc<TurnLog>, id: u64) -> Self {
        Self { log, id, engine: None }
    }

    /// Does the turn's work whenever it waits for what comes of it.
    pub(in crate::chat) fn run(&mut self, engine: Arc<Engine>) {
        self.engine = Some(engine);
    }

    /// Does what there is to do; tells whether it is still done here.
    pub(in crate::chat) fn go_on(&mut self, context: &mut Context<'_>) -> bool {
        let Some(engine) = &self.engine else { return false };
        if engine.is_called() {
            // What is told now is taken next: nobody needs to be woken.
            self.log.stop_waiting(self.id);
        }
        let is_here = engine.go_on(context);
        if !is_here {
            self.engine = None;
        }
        is_here
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
    pub async fn take(&mut self, into: &mut Vec<Fact>, most: usize) -> Result<usize, Behind> {
        poll_fn(|context| self.poll_take(into, most, context)).await
    }

    fn poll_take(
        &mut self,
        into: &mut Vec<Fact>,
        most: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Behind>> {
        self.go_on(context);
        self.log.take(self.id, into, most, context)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.log.leave(self.id);
        if let Some(engine) = &self.engine {
            engine.move_away();
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reader").field("id", &self.id).finish_non_exhaustive()
    }
}
