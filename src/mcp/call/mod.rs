//! One call, and what became of it.

pub(super) mod arguments;
pub(super) mod caller_credential;
pub(super) mod caller_sessions;
pub(super) mod calling;
pub(super) mod fault;
pub(super) mod in_flight;
pub(super) mod result;
pub(super) mod server;
pub(super) mod target;
