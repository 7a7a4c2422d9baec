//! The brain of the offline model: an honest, rule-based todo assistant in English.
//!
//! A message is cut into [`words`], those into [`clauses`]; each becomes an [`intent`]; [`plan`]
//! turns intents and the transcript into calls, and in the end into words.

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
