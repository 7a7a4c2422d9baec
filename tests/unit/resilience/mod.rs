//! Waiting and giving up.

mod breaker;
mod budget;
mod cooling;
mod guard;
