//! An agent server that answers a ChatKit conversation with a tool-using model.
//!
//! Modules are listed in reading order, from the outside inwards. Which may use which is in
//! `specs/plan.md`; `tests/unit/layering.rs` checks it.

pub mod app;

pub mod cli;

pub mod config;

pub mod api;

pub mod streaming;

pub mod chat;

pub mod agents;

pub mod model;

pub mod mcp;

pub mod store;

pub mod resilience;

pub mod serving;

pub mod cores;

pub mod observability;

pub mod domain;
