//! The agent loop.

mod approval;
mod driver;
mod failure;
mod long_results;
mod prompt;
mod reading;
mod run;
mod waiting;
