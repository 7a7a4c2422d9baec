//! What is offered, and under which stable id.

pub(super) mod board;
pub(super) mod server_tools;
