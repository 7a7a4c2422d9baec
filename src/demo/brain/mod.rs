//! The brain of the offline model: a rule-based todo assistant in English (ADR 9). If it does not
//! understand, it says so, and never guesses a call.
//!
//! A message is cut into [`words`], these into [`clauses`]; each becomes an [`intent`]; [`plan`]
//! turns intents and the transcript into calls, and at the end into text.

#![expect(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "phrases read as tables: one way to say a thing on each line"
)]

mod adding;
mod arguments;
mod asides;
mod asking;
mod change;
mod changing;
mod chatting;
mod clauses;
mod dates;
mod days;
mod details;
mod filter;
mod form;
mod human;
mod intent;
mod items;
mod job;
mod lookup;
mod memory;
mod outcome;
mod phrases;
mod plan;
mod reading;
mod resolve;
mod roles;
mod say;
mod schema;
mod stating;
mod target;
mod times;
mod trouble;
mod turns;
mod words;

pub use plan::answer;
