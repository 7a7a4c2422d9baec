//! Connections to a provider, each polled by the turn that waits for what comes on it (ADR 26).
//!
//! A request takes a connection from the `pool`, or has the `connector` open one. The `response` holds
//! the connection until its body is read to the end, and then lays it back.

pub(super) mod connector;
pub(super) mod pool;
mod provider_connection;
pub(super) mod response;

use std::error::Error;

/// Whatever went wrong with a connection.
type BoxError = Box<dyn Error + Send + Sync>;
