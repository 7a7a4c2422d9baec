//! From facts to bytes: one folder for each wire format. What happened is decided in `chat`.

mod chatkit;
mod sse;

pub use chatkit::{ChatKit, ThreadView};
pub use sse::{frames, only};

use base::domain::Outcome;
use chat::Fact;

/// One wire format: a small state machine for each reader (ADR 8).
pub trait Wire {
    /// Writes the frames for a fact, if this format shows it.
    fn write(&mut self, fact: &Fact, piece: &mut Vec<u8>);

    /// Writes the frame that ends a stream whose turn cannot end it.
    fn fail(&mut self, message: &str, outcome: Outcome, piece: &mut Vec<u8>);
}
