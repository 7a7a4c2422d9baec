//! What an operator says of servers.

mod entry;
pub(super) mod fault;
pub(super) mod file;
mod repeated;
pub(super) mod settings;
mod sign_in;
pub(super) mod variables;
