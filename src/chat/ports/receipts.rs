//! Requests that may come again. A receipt belongs to its thread, goes with it, is written with
//! what its turn begins with, and holds nobody's words (ADR 14).

use std::time::Duration;

use futures::future::BoxFuture;

use super::StoreResult;
use crate::domain::{ItemId, Outcome, Spend, ThreadId};

/// Which requests were seen before, and what became of them.
pub trait Receipts: Send + Sync {
    /// The request that came under this key within a day, and how things stand with it now.
    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Received>>>;

    /// Notes how the turn of a try ended, where it could not be noted with the end itself.
    fn settle<'a>(&'a self, settlement: &'a Settlement) -> BoxFuture<'a, StoreResult<()>>;
}

/// A request that may come again, noted with what its turn begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    /// The same for every copy.
    pub key: String,
    /// A digest of the body.
    pub body: String,
    /// The item that is asked about: a new message, one that is tried again, questions.
    pub item: ItemId,
    /// Whether the request begins the thread.
    pub is_new: bool,
    /// The try under the same key that it takes the place of.
    pub replaces: Option<String>,
}

/// A request that was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What tells it from others.
    pub key: String,
    /// A digest of its body.
    pub body: String,
    /// The last try at it.
    pub attempt: String,
    /// The thread of its turn.
    pub thread: ThreadId,
    /// The item that is asked about.
    pub item: ItemId,
    /// Whether the request began the thread.
    pub is_new: bool,
}

/// A request that was seen before, and all that decides what a copy of it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The request.
    pub receipt: Receipt,
    /// How its last try ended, if that is known.
    pub end: Option<Ended>,
    /// Whether no other try was begun in the thread since.
    pub is_newest: bool,
    /// Whether somebody works in the thread.
    pub held: Held,
    /// Whether something was done or begun in the world for it.
    pub has_effects: bool,
}

/// Whether somebody works in a thread, as its lease says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Yes.
    Now,
    /// Its last holder fell silent, and its lease is over for so long.
    FellSilent(Duration),
    /// Its last holder let it go.
    LetGo,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How long ago, by the store's clock.
    pub ago: Duration,
    /// How.
    pub ending: Ending,
}

/// How the turn of a request ended, for those who ask again.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The request.
    pub key: String,
    /// Which try; a later one is not settled by an earlier.
    pub attempt: String,
    /// How.
    pub ending: Ending,
}

/// How a turn ended, without the words of anybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// How.
    pub outcome: Outcome,
    /// Whether there is nothing left to do: a whole answer, or an end that the person chose.
    pub is_final: bool,
    /// Our sentence for the person unless the turn succeeded.
    pub told: Option<String>,
    /// What it cost.
    pub spend: Spend,
}
