//! Rooms on their own; mirrors `src/`.

mod agents;
mod any_input;
mod auth;
mod chat;
mod config;
mod cores;
mod demo;
mod domain;
mod layering;
mod mcp;
mod model;
mod names;
mod observability;
mod outbound;
mod resilience;
mod serving;
mod streaming;
