//! Conversations: everything between a request and its outcome, and what is stored of it. No wire
//! format and no SQL: those are `streaming` and `store`.

mod admission;
mod allowance;
mod context;
mod conversations;
mod fact;
mod forms;
mod history;
mod places;
mod ports;
mod record;
mod repeat;
mod request;
mod results;
mod service;
mod settings;
mod turn;

pub use allowance::{Allowance, Policy, Share, UsageReport};
/// Of requests: stores hold such digests.
pub use base::domain::digest;
pub use conversations::Conversations;
pub use fact::{Fact, Level, RunStart, Start, ToolEnd, ToolRecord, ToolStart, TurnEnd};
pub use forms::approval::{Confirmation, ConfirmationCall};
pub use history::for_model;
pub use ports::{
    Allowances, Beginning, Begun, Charge, Claim, Closing, Count, DoneEffect, Ended, Ending, Entry,
    Held, Journal, Known, LEASE, Lease, Leases, LongResult, LongResults, MAX_KEPT_BYTES,
    MAX_KEPT_RESULTS, ModelUsage, Naming, NewEffect, NewReceipt, NewTurn, PageRange, Rating,
    Receipt, Receipts, Received, Resource, ResultPage, Settlement, Store, StoreResult, ThreadIndex,
    ThreadLog, ThreadsError, USAGE_DAYS, Used,
};
pub use record::describe::describe;
pub use record::projection::{Change, Projection};
pub use repeat::{RepeatDecision, RepeatMoment, RepeatedRequest, decide};
pub use request::job::{BeginError, Turn};
pub use request::prompt_start::{PromptRefusal, PromptStart, StartedPrompt, prompt_in};
pub use request::{
    Abilities, Ask, NewMessage, OnLeave, RepeatKey, RepeatWindow, RequestContext, TurnRequest,
};
pub use service::Chat;
pub use settings::{Settings, Titles};
pub use turn::title::title_of;
pub use turn::{Behind, Cursor, Reader, TurnLog};
