//! One call, and what became of it.

pub(super) mod arguments;
mod as_caller;
pub(super) mod caller_credential;
pub(super) mod caller_sessions;
pub(super) mod calling;
pub(super) mod conversation;
pub(super) mod fault;
pub(super) mod in_flight;
pub(super) mod inquiry;
pub(super) mod parked_calls;
pub(super) mod result;
pub(super) mod rounds;
pub(super) mod server;
pub(super) mod target;
