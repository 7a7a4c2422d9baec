//! What is answered: bytes to events to chunks to one reply, judged by what is there.

pub(super) mod calls;
pub(super) mod chunk;
pub(super) mod decoder;
pub(super) mod events;
mod opening;
pub(super) mod playback;
pub(super) mod stream;
pub(super) mod thoughts;
