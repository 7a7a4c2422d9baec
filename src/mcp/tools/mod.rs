//! What is offered, and under which stable id.

pub(super) mod approval_rules;
pub(super) mod board;
pub(super) mod boards;
mod definition;
pub(super) mod filter;
pub(super) mod look_alikes;
pub(super) mod pins;
pub(super) mod server_tools;
pub(super) mod turn_tools;
