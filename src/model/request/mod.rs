//! What is asked, as a provider wants it: the conversation, the tools, how much to think.

pub(super) mod body;
pub(super) mod names;
pub(super) mod schema;
pub(super) mod thinking;
pub(super) mod tool_declarations;
pub(super) mod transcript;
pub(super) mod wire;
