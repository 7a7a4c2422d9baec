//! What `chat` needs from a store: threads, leases, effects, receipts, long results, and what
//! owners have used.

mod allowances;
mod error;
mod journal;
mod leases;
mod long_results;
mod receipts;
mod threads;
mod turns;

pub use allowances::{Allowances, Charge, Count, ModelUsage, NewTurn, USAGE_DAYS, Used};
pub use error::{StoreResult, ThreadsError};
pub use journal::{DoneEffect, Journal, Known, NewEffect};
pub use leases::{Claim, LEASE, Lease, Leases, Resource};
pub use long_results::{
    LongResult, LongResults, MAX_KEPT_BYTES, MAX_KEPT_RESULTS, PageRange, ResultPage,
};
pub use receipts::{Ended, Ending, Held, NewReceipt, Receipt, Receipts, Received, Settlement};
pub use threads::{Naming, Rating, ThreadIndex};
pub use turns::{Beginning, Begun, Closing, Entry, ThreadLog};

/// Everything of a conversation that outlives the process.
pub trait Store:
    ThreadIndex + ThreadLog + Leases + Journal + Receipts + Allowances + LongResults
{
}

impl<T: ThreadIndex + ThreadLog + Leases + Journal + Receipts + Allowances + LongResults> Store
    for T
{
}
