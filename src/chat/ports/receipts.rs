//! Requests that may be repeated. A receipt is written with the beginning of its turn, is deleted
//! with its thread, and contains no text of users, models or tools (ADR 22).

use std::time::Duration;

use futures::future::BoxFuture;

use super::StoreResult;
use base::domain::{ItemId, Outcome, Spend, ThreadId};

/// Requests that were seen before, and how they ended.
pub trait Receipts: Send + Sync {
    /// The request that came with this key within a day, with its present state, in one read.
    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Received>>>;

    /// Records how a try ended, if that could not be written with the turn's end.
    fn settle<'a>(&'a self, settlement: &'a Settlement) -> BoxFuture<'a, StoreResult<()>>;
}

/// A receipt, written with the beginning of its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    pub key: String,
    /// A digest of the body, to notice a key that is used for another request.
    pub body: String,
    /// The item that is asked about: a new message, one that is retried, or a form.
    pub item: ItemId,
    /// Whether the request creates the thread.
    pub is_new: bool,
    /// The earlier try with the same key that this one continues or replaces. If another has
    /// replaced it by then, nothing is written.
    pub replaces: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub key: String,
    pub body: String,
    /// The newest try of this request.
    pub attempt: String,
    pub thread: ThreadId,
    pub item: ItemId,
    /// Whether the request created the thread.
    pub is_new: bool,
}

/// A request that was seen before, with everything that decides what a copy of it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub receipt: Receipt,
    /// How its newest try ended; `None` if that is unknown.
    pub end: Option<Ended>,
    /// Whether no other try was begun in the thread since.
    pub is_newest: bool,
    /// Whether a turn runs in the thread.
    pub held: Held,
    /// Whether the journal has effects for it, done or begun.
    pub has_effects: bool,
}

/// Whether a turn runs in a thread, according to its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Now,
    /// Its last holder stopped renewing; the lease expired this long ago.
    FellSilent(Duration),
    /// Its last holder released it.
    LetGo,
}

/// How a try ended, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How long ago, by the store's clock.
    pub ago: Duration,
    pub ending: Ending,
}

/// How the turn of a request ended, recorded for later copies.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    pub key: String,
    /// Only this try is settled: a later one is left alone.
    pub attempt: String,
    pub ending: Ending,
}

/// How a turn ended, without text of users, models or tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    pub outcome: Outcome,
    /// Whether nothing is left to do: a complete answer, or an end that the user chose.
    pub is_final: bool,
    /// Our own sentence for the user; `None` if the turn succeeded.
    pub told: Option<String>,
    pub spend: Spend,
}
