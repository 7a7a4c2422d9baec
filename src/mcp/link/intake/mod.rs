//! What a server sends, limited before rmcp builds anything from it (ADR 39).

pub(super) mod bounded_client;
pub(super) mod child_pipes;
mod events;
mod http_answer;
pub(super) mod meter;
pub(super) mod metered_client;
mod outline;
mod tool_list;
pub(super) mod watched;
