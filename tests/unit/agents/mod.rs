//! The agent loop.

mod driver;
mod prompt;
mod run;
