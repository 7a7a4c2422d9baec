//! Conversations: turns that run, and what is kept of them.

mod describe;
mod event;
mod history;
mod host;
mod message;
mod open_item;
mod ports;
mod recorder;
mod turn;
mod wording;

pub use describe::describe;
pub use event::{ItemUpdate, Level, ThreadEvent, ToolRecord, TurnEnd};
pub use history::for_model;
pub use host::{BeginError, Chat, Settings, Turn};
pub use message::NewMessage;
pub use ports::{Entry, Kept, Threads, ThreadsError};
