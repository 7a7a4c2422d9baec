//! Who is next in a thread: requests of this process wait for each other in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ThreadId;

/// The lines of all threads that somebody works in.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<ThreadId, Line>>);

#[derive(Debug)]
struct Line {
    turn: Arc<Semaphore>,
    people: usize,
}

/// A place in the line of a thread; leaving it lets the next one come.
#[derive(Debug)]
pub(super) struct Place {
    lines: Arc<Lines>,
    thread: ThreadId,
    line: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Lines {
    /// Joins the line of a thread, unless more than `waiting` would wait in it.
    pub(super) fn join(self: &Arc<Self>, thread: &ThreadId, waiting: usize) -> Option<Place> {
        let mut lines = self.lock();
        let new = || Line { turn: Arc::new(Semaphore::new(1)), people: 0 };
        let line = lines.entry(thread.clone()).or_insert_with(new);
        if line.people > waiting {
            return None;
        }
        line.people += 1;
        let turn = Arc::clone(&line.turn).try_acquire_owned().ok();
        let line = Arc::clone(&line.turn);
        Some(Place { lines: Arc::clone(self), thread: thread.clone(), line, turn })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether it is the first.
    pub(super) const fn is_first(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits until it is the first.
    pub(super) async fn reached(&mut self) {
        if self.turn.is_none() {
            self.turn = Arc::clone(&self.line).acquire_owned().await.ok();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turn = None;
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(&self.thread) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.thread);
            }
        }
    }
}
