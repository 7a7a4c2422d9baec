//! One reader of a turn's log: takes what is there, at its own pace.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::engine::Engine;
use super::log::{Cursor, Log};
use crate::chat::Fact;

/// Reads the log of a turn. When the last one is dropped the turn ends in order, unless its request
/// says otherwise.
#[must_use = "a turn without readers is cancelled"]
pub struct Reader {
    log: Arc<Log>,
    id: u64,
    /// The turn itself, if it is done by whoever reads here.
    engine: Option<Arc<Engine>>,
    /// When it took something, and how often nothing has followed since something was there.
    took_at: Option<Instant>,
    quiet: u8,
}

/// Nothing more follows if nothing has for so many looks. One is not enough: hyper asks a body twice
/// before others get their turn.
const QUIET: u8 = 2;

/// What follows something that was taken so short a time ago does not come alone. So long, too, text
/// may wait for more.
const CLOSE: Duration = Duration::from_millis(5);

/// The reader was too slow: it was let go, or what it should have read next is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what happens was not read for too long")]
pub struct Behind;

impl Reader {
    pub(super) const fn new(log: Arc<Log>, id: u64) -> Self {
        Self { log, id, engine: None, took_at: None, quiet: 0 }
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
        if self.may_get_more(context) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let taken = self.log.take(self.id, into, most, context);
        if taken.is_ready() {
            (self.took_at, self.quiet) = (Some(Instant::now()), 0);
        }
        taken
    }

    /// Goes on, and tells whether more may follow at once: what the model sent in one go comes to us
    /// piece by piece, each after its connection, a task of its own, had its turn. All of it is taken
    /// together, and goes out by one write.
    fn may_get_more(&mut self, context: &mut Context<'_>) -> bool {
        let was_called = self.engine.as_ref().is_some_and(|engine| engine.is_called());
        if !self.go_on(context) || !self.log.has_more(self.id) {
            return false;
        }
        self.quiet = if was_called { 0 } else { self.quiet.saturating_add(1) };
        // What comes alone goes out at once.
        let is_close = self.took_at.is_some_and(|at| at.elapsed() < CLOSE);
        is_close && self.quiet < QUIET
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
