//! What the brain says to the person.

pub(super) mod form;
pub(super) mod human;
pub(super) mod say;
pub(super) mod small_talk;
pub(super) mod trouble;
pub(super) mod undoing;
