//! Reads an answer: bytes to events to chunks to one reply, judged by its content (ADR 2). Sends
//! nothing.

pub(super) mod calls;
pub(super) mod chunk;
mod code_call_filter;
pub(super) mod decoder;
pub(super) mod events;
pub(super) mod playback;
pub(super) mod stream;
pub(super) mod thoughts;
