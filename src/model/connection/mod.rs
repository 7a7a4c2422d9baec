//! Connections to a provider, each polled by the turn that waits on it (ADR 26).
//!
//! A request takes a connection from the `pool`, or lets the `connector` open one. The `response`
//! holds the connection until its body is read to the end, then returns it.

pub(super) mod connector;
pub(super) mod pool;
mod provider_connection;
pub(super) mod response;
pub(super) mod sent_bytes;

use std::error::Error;

type BoxError = Box<dyn Error + Send + Sync>;
