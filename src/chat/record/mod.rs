//! What a turn leaves behind: events become facts and items, and are kept before anybody is told.

mod beside;
pub(super) mod describe;
pub(super) mod entry_queue;
pub(super) mod projection;
pub(super) mod recorder;
pub(super) mod scope;
pub(super) mod scribe;
mod tool_steps;
pub(super) mod wording;
