//! Forms: questions of the model and of tool servers, whether calls may be made, and whether to go on when an answer
//! costs too much.

pub(super) mod approval;
pub(super) mod budget;
pub(super) mod inquiry;
pub(super) mod questions;
