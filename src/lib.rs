//! An agent server that answers a ChatKit conversation with a tool-using model.
//!
//! Modules are listed in reading order, from the outside inwards. Which may use which is in
//! `specs/plan.md`; `tests/unit/layering.rs` checks it.

pub mod app;

pub mod cli;

pub mod config;

pub mod reload;

// Packages of their own, by the names under which the modules above use them.
pub use base::{agents, cores, domain, observability, resilience};
pub use {api, auth, chat, mcp, model, outbound, serving, store, streaming};
