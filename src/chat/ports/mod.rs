//! What `chat` needs from a store: threads, leases, effects and receipts.

mod error;
mod journal;
mod leases;
mod receipts;
mod threads;
mod turns;

pub use error::{StoreResult, ThreadsError};
pub use journal::{DoneEffect, Journal, Known, NewEffect};
pub use leases::{Claim, LEASE, Lease, Leases, Resource};
pub use receipts::{Ended, Ending, Held, NewReceipt, Receipt, Receipts, Received, Settlement};
pub use threads::{Naming, Rating, ThreadIndex};
pub use turns::{Beginning, Begun, Closing, Entry, ThreadLog};

/// Everything of a conversation that outlives the process.
pub trait Store: ThreadIndex + ThreadLog + Leases + Journal + Receipts {}

impl<T: ThreadIndex + ThreadLog + Leases + Journal + Receipts> Store for T {}
