//! Finds the tools for a job, writes their arguments, and reads what became of a call.

pub(super) mod arguments;
pub(super) mod lookup;
pub(super) mod outcome;
pub(super) mod roles;
pub(super) mod schema;
