//! Conversations.

mod allowance;
mod describe;
mod history;
mod log;
mod repetitions;
