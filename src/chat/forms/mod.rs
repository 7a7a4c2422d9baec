//! Forms: questions of the model, and whether to go on when an answer costs too much.

pub(super) mod budget;
pub(super) mod questions;
