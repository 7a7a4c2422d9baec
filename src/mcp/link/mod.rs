//! Is the server there? A session over a child process or HTTP, watched and opened again.

pub(super) mod child;
mod child_stderr;
pub(super) mod connect;
pub(super) mod connect_attempts;
pub(super) mod http;
mod intake;
pub(super) mod session;
pub(super) mod session_listener;
pub(super) mod supervisor;
