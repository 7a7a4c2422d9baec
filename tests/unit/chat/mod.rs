//! Conversations.

mod allowance;
mod describe;
mod digest;
mod history;
mod log;
mod prompts;
mod repetitions;
