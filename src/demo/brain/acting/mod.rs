//! Finds the tools for a job, and the todos that are meant, and reads what became of a call.

pub(super) mod arguments;
pub(super) mod lookup;
pub(super) mod outcome;
pub(super) mod resolve;
pub(super) mod roles;
pub(super) mod schema;
