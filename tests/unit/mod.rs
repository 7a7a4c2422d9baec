//! Rooms on their own; mirrors `src/`.

mod layering;
mod resilience;
