//! Conversations.

mod describe;
mod history;
mod repetitions;
