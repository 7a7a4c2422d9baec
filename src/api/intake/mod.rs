//! From a body to a request that can be trusted: its size, its form, its rules, who asks.

pub(super) mod announced;
pub(super) mod bodies;
pub(super) mod context;
pub(super) mod form;
pub(super) mod refused;
pub(super) mod rules;
pub(super) mod strict_json;
pub(super) mod validation;
