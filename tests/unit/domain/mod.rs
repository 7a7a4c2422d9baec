//! The nouns.

mod item;
mod outcome;
mod text;
