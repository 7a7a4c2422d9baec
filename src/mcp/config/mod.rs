//! What an operator says of servers.

pub(super) mod file;
pub(super) mod settings;
