//! From what happened to what goes on the wire: one folder for each wire.

mod chatkit;
mod sse;

pub use chatkit::{ChatKit, ThreadView};
pub use sse::{frames, only};

use crate::chat::Fact;
use crate::domain::Outcome;

/// What a stream looks like to one kind of front end: a small machine for each reader.
pub trait Wire {
    /// Writes the events that tell of a fact, if it shows on this wire.
    fn write(&mut self, fact: &Fact, piece: &mut Vec<u8>);

    /// Writes the event that ends a stream whose turn cannot end it.
    fn fail(&mut self, message: &str, outcome: Outcome, piece: &mut Vec<u8>);
}
