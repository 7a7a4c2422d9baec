//! The agent loop.

mod approval;
mod driver;
mod failure;
mod prompt;
mod run;
