//! Waiting and giving up.

mod breaker;
mod cooling;
mod guard;
mod retry_budget;
