//! What a server sends, limited before rmcp builds anything from it (ADR 39).

pub(super) mod child_pipes;
pub(super) mod meter;
pub(super) mod metered_client;
mod outline;
pub(super) mod watched;
