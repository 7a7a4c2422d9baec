//! The nouns.

mod cost;
mod item;
mod outcome;
mod text;
mod tool;
