//! The agent loop: a brain that only decides and a driver that only does.

mod ports;

pub use ports::{Delta, Deltas, Model, ModelError, ModelRequest, ToolError, Tools};
