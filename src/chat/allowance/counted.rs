//! A turn that was counted: in the store, and until its end in this process.

use std::fmt;
use std::sync::Arc;

use super::super::Store;
use super::here::CountedHere;

/// Takes the turn back when it is dropped: a copy that is replayed, or a request that is refused
/// after all, is no turn.
#[must_use = "a turn that is dropped is taken back"]
pub(crate) struct CountedTurn {
    store: Arc<dyn Store>,
    /// `None` once it is certain that the turn begins.
    turn: Option<String>,
    _here: CountedHere,
}

impl CountedTurn {
    pub(super) fn new(store: &Arc<dyn Store>, turn: &str, here: CountedHere) -> Self {
        Self { store: Arc::clone(store), turn: Some(turn.to_owned()), _here: here }
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
