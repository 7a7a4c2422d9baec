//! Waiting and giving up.

mod breaker;
mod guard;
