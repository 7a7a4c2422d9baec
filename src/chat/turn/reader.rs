//! One reader of a turn's log. It reads at its own pace.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::engine::Engine;
use super::log::{Cursor, TurnLog};
use crate::Fact;

/// Reads the log of a turn. When the last reader is dropped the turn is cancelled in an orderly
/// way, unless its request says that it finishes.
#[must_use = "a turn without readers is cancelled"]
pub struct Reader {
    log: Arc<TurnLog>,
    id: u64,
    /// The turn's work, if it runs in this reader's task.
    engine: Option<Arc<Engine>>,
}

/// The reader was too slow: it was dropped, or its next event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the events were not read for too long")]
pub struct Behind;

impl Reader {
    pub(super) const fn new(log: Arc<TurnLog>, id: u64) -> Self {
        Self { log, id, engine: None }
    }

    /// From now on this reader polls the turn's work whenever it waits.
    pub(crate) fn run(&mut self, engine: Arc<Engine>) {
        self.engine = Some(engine);
    }

    /// Polls the work; returns whether it still runs here.
    pub(crate) fn go_on(&mut self, context: &mut Context<'_>) -> bool {
        let Some(engine) = &self.engine else { return false };
        if engine.is_called() {
            // What is appended now is taken next, so nobody needs to be woken.
            self.log.stop_waiting(self.id);
        }
        let is_here = engine.go_on(context);
        if !is_here {
            self.engine = None;
        }
        is_here
    }

    /// Its position, from which another reader can continue; `None` if it was dropped.
    pub fn at(&self) -> Option<Cursor> {
        self.log.at(self.id)
    }

    /// Waits for facts and takes up to `most` of them; 0 means that the log is closed.
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
        // The rest of the turn needs no reader, if only to end in an orderly way (ADR 24).
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
