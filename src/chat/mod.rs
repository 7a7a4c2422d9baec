//! Conversations: turns that run, and what is kept of them.

mod ports;

pub use ports::{Entry, Kept, Threads, ThreadsError};
