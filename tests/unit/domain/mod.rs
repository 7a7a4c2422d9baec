//! The nouns.

mod caller;
mod cost;
mod item;
mod outcome;
mod text;
mod tool;
