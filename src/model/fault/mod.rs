//! What went wrong, what that says about the provider, and what to do. Decides nothing about other
//! models.

pub(super) mod advice;
pub(super) mod failure;
pub(super) mod pause;
pub(super) mod provider_refusal;
pub(super) mod remedy;
pub(super) mod sight;
