//! The board of the present servers, and those that running turns began with (ADR 37).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::board::Board;

/// Whoever holds a board keeps its servers connected, so an earlier one goes with its last turn.
#[derive(Debug, Default)]
pub(crate) struct Boards(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    present: Arc<Board>,
    earlier: Vec<Weak<Board>>,
}

impl Boards {
    pub(crate) fn present(&self) -> Arc<Board> {
        Arc::clone(&self.lock().present)
    }

    /// Lets turns that begin from now on use another board.
    pub(crate) fn replace(&self, next: Board) {
        let next = Arc::new(next);
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.present, Arc::clone(&next));
        state.earlier.retain(|board| board.strong_count() > 0);
        state.earlier.push(Arc::downgrade(&before));
        drop(state);
        // What its servers told since it was made went to the others.
        next.publish();
    }

    /// Reads the servers of all boards again.
    pub(crate) fn publish(&self) {
        let state = self.lock();
        let earlier = state.earlier.iter().filter_map(Weak::upgrade);
        let all: Vec<_> = earlier.chain([Arc::clone(&state.present)]).collect();
        drop(state);
        for board in all {
            board.publish();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
