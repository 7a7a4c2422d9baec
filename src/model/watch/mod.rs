//! What an operator should know of a model although it answers.

pub(super) mod inspection;
pub(super) mod lifetimes;
pub(super) mod likeness;
pub(super) mod model_list;
pub(super) mod succession;
pub(super) mod warnings;
