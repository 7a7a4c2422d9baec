//! Conversations.

mod describe;
mod history;
