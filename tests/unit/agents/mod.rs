//! The agent loop.

mod driver;
mod failure;
mod prompt;
mod run;
