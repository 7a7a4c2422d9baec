//! The log: one JSON object per line, written in the background (ADR 4). No metrics, no traces.

mod json;
mod logging;
mod panic;
mod writer;

pub use json::JsonLines;
pub use logging::{LogFormat, LogSettings, init};
pub use panic::log_panic;
pub use writer::{Background, LogQueue};
