//! A turn that was counted: in the store, and until its end in this process.

use std::fmt;
use std::sync::Arc;

use super::super::{NewTurn, Store};
use super::here::CountedHere;
use base::domain::ThreadId;

/// Takes the turn back when it is dropped: a copy that is replayed, or a request that is refused
/// after all, is no turn.
#[must_use = "a turn that is dropped is taken back"]
pub(crate) struct CountedTurn {
    store: Arc<dyn Store>,
    /// `None` once it is certain that the turn begins.
    turn: Option<String>,
    thread: ThreadId,
    _here: CountedHere,
}

impl CountedTurn {
    pub(super) fn new(store: &Arc<dyn Store>, counted: &NewTurn, here: CountedHere) -> Self {
        let (turn, thread) = (Some(counted.turn.clone()), counted.thread.clone());
        Self { store: Arc::clone(store), turn, thread, _here: here }
    }

    /// Counts the turn for the thread that it runs in, whose lease shows that it runs: a copy of the
    /// first request of a thread is counted before that thread is known.
    pub(crate) async fn count_in(&mut self, thread: &ThreadId) {
        let Some(turn) = self.turn.as_ref().filter(|_| self.thread != *thread) else { return };
        match self.store.count_in(turn, thread).await {
            Ok(()) => self.thread = thread.clone(),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "Turn is counted for another thread");
            }
        }
    }

    /// The turn begins. Its end is written with its cost; until then it counts here.
    pub(crate) fn keep(&mut self) {
        self.turn = None;
    }

    /// Takes the turn back before anybody is told, so that the next request has its place.
    pub(crate) async fn take_back(mut self) {
        if let Some(turn) = self.turn.take() {
            uncount(&*self.store, &turn).await;
        }
    }
}

impl Drop for CountedTurn {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let store = Arc::clone(&self.store);
        drop(tokio::spawn(async move { uncount(&*store, &turn).await }));
    }
}

/// What is not taken back counts for a minute, and as running for the length of a lease.
async fn uncount(store: &dyn Store, turn: &str) {
    if let Err(error) = store.uncount(turn).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Turn was not taken back");
    }
}

impl fmt::Debug for CountedTurn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CountedTurn").field("turn", &self.turn).finish_non_exhaustive()
    }
}
