//! From what happened to what goes on the wire.

mod chatkit;
mod sse;
mod update;

pub use chatkit::{Frame, ThreadView, encode};
pub use sse::{frames, only};
