//! What went wrong, what that says of the provider, and what to do about it.

pub(super) mod advice;
pub(super) mod failure;
pub(super) mod pause;
pub(super) mod provider_refusal;
pub(super) mod remedy;
