//! Every test of the house, linked once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::zombie_processes,
    reason = "a test that goes wrong should fail loudly, and one that is left out should say so"
)]

mod contract;
mod integration;
mod support;
mod unit;
