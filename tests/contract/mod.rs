//! Our bytes and our ports against what others expect.

mod streams;
mod threads;
mod todo;
