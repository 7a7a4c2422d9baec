//! The request in the provider's format: the conversation, the tools, how much to think. Sends
//! nothing.

pub(super) mod body;
mod marked_results;
pub(super) mod names;
pub(super) mod schema;
pub(super) mod thinking;
pub(super) mod tool_declarations;
mod tool_places;
pub(super) mod transcript;
pub(super) mod wire;
