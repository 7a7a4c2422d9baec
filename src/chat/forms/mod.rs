//! Forms: questions of the model, whether calls may be made, and whether to go on when an answer
//! costs too much.

pub(super) mod approval;
pub(super) mod budget;
pub(super) mod questions;
