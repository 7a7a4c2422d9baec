//! An agent server that answers a ChatKit conversation with a tool-using model.
//!
//! Rooms are listed in reading order, from the door inwards. Who may use whom
//! is written in `specs/plan.md` and kept true by `tests/unit/layering.rs`.

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
