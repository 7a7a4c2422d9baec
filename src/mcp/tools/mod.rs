//! What is offered, and under which stable id.

pub(super) mod approval_rules;
pub(super) mod board;
pub(super) mod boards;
pub(super) mod filter;
pub(super) mod server_tools;
pub(super) mod turn_tools;
