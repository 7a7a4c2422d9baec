//! Every test of the house, linked once.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

mod contract;
mod integration;
mod support;
mod unit;
