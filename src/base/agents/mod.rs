//! The agent loop: a brain that only decides, and a driver that only acts. It knows a model and
//! tools by their ports, and no providers, threads or wires.

mod approval;
mod asking;
mod context;
mod driver;
mod earlier_calls;
mod event;
mod extended_catalog;
mod failure;
mod images;
mod inquiries;
mod interrupt;
mod listener;
mod long_results;
mod plan;
mod ports;
mod prompt;
mod reading;
mod run;
mod spend_budget;

pub use approval::{
    Approvals, HeldCall, Verdict, asked_as, fingerprint_in, is_approval, open_calls, unapproved,
};
pub use asking::{ASK_USER, WithQuestions};
pub use context::{bytes_of, bytes_of_tokens, shorten_results, tokens_of_bytes};
pub use driver::{Driver, drive};
pub use event::{AgentEvent, Finish, ToolEnd, ToolProgress};
pub use extended_catalog::ExtendedCatalog;
pub use failure::{Certainty, ModelError, ToolError};
pub use images::SeenImage;
pub use inquiries::{InquiredCall, InquiryVerdict, InquiryVerdicts, is_inquiry, unanswered};
pub use interrupt::Interrupt;
pub use listener::{Delta, Deltas, Listener, Progress};
pub use long_results::{PAGE_BYTES, PageNote, pages_of};
pub use plan::{Batch, Planned};
pub use ports::{Model, ModelRequest, ToolRequest, Tools};
pub use prompt::system_prompt;
pub use reading::{Reading, ReadingKind};
pub use run::{Run, RunLimits, Step};
pub use spend_budget::{Limit, Overspent, SpendBudget};
