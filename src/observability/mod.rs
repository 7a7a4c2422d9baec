//! How the server tells what it does: one JSON object a line.

mod json;
mod logging;
mod panic;
mod writer;

pub use json::JsonLines;
pub use logging::{LogFormat, LogSettings, init};
pub use panic::log_panic;
pub use writer::{Background, LogQueue};
