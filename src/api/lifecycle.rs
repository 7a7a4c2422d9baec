//! The phase of the process, for those who send it work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Listening, not yet ready.
    Starting,
    Serving,
    /// About to end: accepts no new turns.
    Draining,
}

/// The current phase. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<AtomicU8>);

impl Lifecycle {
    /// Advances to a phase. No phase comes back: a late report that the process is ready must not
    /// undo that it is about to end.
    pub fn enter(&self, phase: Phase) {
        let code = match phase {
            Phase::Starting => 0,
            Phase::Serving => 1,
            Phase::Draining => 2,
        };
        self.0.fetch_max(code, Ordering::AcqRel);
    }

    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }
}
