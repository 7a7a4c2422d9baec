//! The brain of the offline model: a rule-based todo assistant in English (ADR 9). If it does not
//! understand, it says so, and never guesses a call.
//!
//! [`reading`] cuts a message into words and clauses, each of which becomes an intent. What people
//! say is data: `reading/patterns.txt`. [`plan`] turns intents and the transcript into calls, and at
//! the end into text.

#![expect(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "phrases read as tables: one way to say a thing on each line"
)]

mod acting;
mod job;
mod memory;
mod plan;
mod reading;
mod resolve;
mod saying;
mod turns;

pub use plan::answer;
