//! The bundled offline model: an OpenAI-compatible server of our own.

mod conversation;

pub use conversation::{Answer, Call, Conversation, PlannedCall, Said, ToolSpec};
