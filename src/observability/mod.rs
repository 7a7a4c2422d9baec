//! How the house tells what it does: one JSON object a line.

mod json;
mod logging;
mod writer;

pub use json::JsonLines;
pub use logging::{LogFormat, LogSettings, init};
pub use writer::{Background, Lines};
