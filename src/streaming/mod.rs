//! From what happened to what goes on the wire.

mod chatkit;
mod sse;

pub use chatkit::{Frame, ThreadView, encode};
pub use sse::{frames, only};
