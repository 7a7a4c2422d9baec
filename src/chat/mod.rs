//! Conversations: turns that run, and what is kept of them.

mod again;
mod audience;
mod budget;
mod choice;
mod describe;
mod digest;
mod entering;
mod event;
mod history;
mod hold;
mod host;
mod job;
mod keeper;
mod leaving;
mod line;
mod once;
mod open_item;
mod opening;
mod ports;
mod questions;
mod receipt;
mod recorder;
mod repeats;
mod request;
mod settings;
mod shared;
mod title;
mod turn;
mod wording;

pub use describe::describe;
pub use digest::digest;
pub use event::{ItemUpdate, Level, ThreadEvent, ToolRecord, TurnEnd, WidgetText};
pub use history::for_model;
pub use host::Chat;
pub use job::{BeginError, Turn};
pub use ports::{
    Claim, DoneEffect, Ending, Entry, Journal, Kept, Known, LEASE, Lease, Naming, NewEffect,
    Parting, Rating, Receipt, Receipts, Store, Threads, ThreadsError,
};
pub use request::{Ask, NewMessage, RepeatKey, Span, TurnRequest};
pub use settings::{Settings, Titles};
pub use title::title_of;
