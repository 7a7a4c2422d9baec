//! Rooms on their own; mirrors `src/`.

mod agents;
mod chat;
mod domain;
mod layering;
mod resilience;
mod streaming;
