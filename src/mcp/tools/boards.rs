//! The board of the present servers, and those that running turns began with (ADR 37).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::board::{Board, RunningServer, UnusedServer};
use super::pins::{OpenPins, PinBook};

/// Whoever holds a board keeps its servers connected, so an earlier one goes with its last turn.
#[derive(Debug)]
pub(crate) struct Boards {
    pub(crate) pins: Arc<PinBook>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    present: Arc<Board>,
    earlier: Vec<Weak<Board>>,
}

impl Boards {
    pub(crate) fn new(pins: PinBook) -> Self {
        let pins = Arc::new(pins);
        let present = Arc::new(Board::new(Vec::new(), Vec::new(), Arc::clone(&pins)));
        Self { pins, state: Mutex::new(State { present, earlier: Vec::new() }) }
    }

    pub(crate) fn present(&self) -> Arc<Board> {
        Arc::clone(&self.lock().present)
    }

    /// Lets turns that begin from now on use another board.
    pub(crate) fn replace(&self, servers: Vec<Arc<RunningServer>>, unused: Vec<UnusedServer>) {
        let next = Arc::new(Board::new(servers, unused, Arc::clone(&self.pins)));
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.present, Arc::clone(&next));
        state.earlier.retain(|board| board.strong_count() > 0);
        state.earlier.push(Arc::downgrade(&before));
        drop(state);
        // What its servers told since it was made went to the others.
        next.publish();
        self.pins.look_again();
    }

    /// Reads the servers of all boards again.
    pub(crate) fn publish(&self) {
        for board in self.all() {
            board.publish();
        }
        self.pins.look_again();
    }

    /// The tools that wait for their pins, or for the operator.
    pub(crate) fn open_pins(&self) -> Vec<OpenPins> {
        self.all().iter().flat_map(|board| board.open_pins()).collect()
    }

    fn all(&self) -> Vec<Arc<Board>> {
        let state = self.lock();
        let earlier = state.earlier.iter().filter_map(Weak::upgrade);
        earlier.chain([Arc::clone(&state.present)]).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
