//! Conversations.

mod describe;
mod history;
mod log;
mod repetitions;
