//! What the adapters and the server share. Each is a module of its own and knows only those below
//! it; `tests/unit/layering.rs` checks it.

pub mod agents;

pub mod resilience;

pub mod cores;

pub mod observability;

pub mod domain;
