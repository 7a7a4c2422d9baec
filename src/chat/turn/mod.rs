//! One turn: from its admission to its one outcome. What happens on the way is in `agents`.

mod closer;
mod engine;
mod log;
mod reader;
mod run;
mod sweep;
pub(super) mod title;

pub(super) use engine::Engine;
pub(super) use log::CloseLog;
pub use log::{Cursor, TurnLog};
pub use reader::{Behind, Reader};
pub(super) use run::run_turn;
pub(super) use sweep::Sweep;
