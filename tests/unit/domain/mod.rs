//! The nouns.

mod caller;
mod cost;
mod item;
mod links;
mod model_spend;
mod outcome;
mod question;
mod text;
mod tool;
