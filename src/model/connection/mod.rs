//! Connections to a provider, each polled by the turn that waits for what comes on it (ADR 26).
//!
//! A request takes a `line` from the `pool`, or has the `connector` open one. The `response` holds the
//! line until its body is read to the end, and then lays it back.

pub(super) mod connector;
mod line;
pub(super) mod pool;
pub(super) mod response;

use std::error::Error;

/// Whatever went wrong with a connection.
type BoxError = Box<dyn Error + Send + Sync>;
