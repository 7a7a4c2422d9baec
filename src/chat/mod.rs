//! Conversations: everything between a request and its outcome, and what is stored of it. No wire
//! format and no SQL: those are `streaming` and `store`.

mod admission;
mod budget;
mod choice;
mod context;
mod conversations;
mod describe;
mod entry_queue;
mod fact;
mod history;
mod job;
mod ports;
mod projection;
mod questions;
mod recorder;
mod repeat;
mod request;
mod scribe;
mod service;
mod settings;
mod title;
mod turn;
mod wording;

pub use conversations::Conversations;
pub use describe::describe;
pub use fact::{Fact, Level, RunStart, Start, ToolEnd, ToolRecord, ToolStart, TurnEnd};
pub use history::for_model;
pub use job::{BeginError, Turn};
pub use ports::{
    Beginning, Begun, Claim, Closing, DoneEffect, Ended, Ending, Entry, Held, Journal, Known,
    LEASE, Lease, Leases, Naming, NewEffect, NewReceipt, Rating, Receipt, Receipts, Received,
    Resource, Settlement, Store, StoreResult, ThreadIndex, ThreadLog, ThreadsError,
};
pub use projection::{Change, Projection};
pub use repeat::{RepeatDecision, RepeatMoment, RepeatedRequest, decide, digest};
pub use request::{
    Abilities, Ask, NewMessage, OnLeave, RepeatKey, RepeatWindow, RequestContext, TurnRequest,
};
pub use service::Chat;
pub use settings::{Settings, Titles};
pub use title::title_of;
pub use turn::{Behind, Cursor, Reader, TurnLog};
