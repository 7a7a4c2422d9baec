//! What turns write in a thread: each begins with one write and ends with one (ADR 20, ADR 22).

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Charge, Lease, NewReceipt, Settlement, StoreResult};
use base::domain::{Item, ItemId, Message, Spend, Thread, ThreadId};

/// The entries of threads. Every write needs the thread's lease; whoever reads has found the thread
/// or holds it.
pub trait ThreadLog: Send + Sync {
    /// Stores a new thread, leased to the caller, together with the beginning of its first turn, or
    /// nothing. `None` if another request used the key in the meantime.
    fn create<'a>(
        &'a self,
        thread: &'a Thread,
        first: Beginning,
    ) -> BoxFuture<'a, StoreResult<Option<Lease>>>;

    /// Stores everything that a turn begins with, or nothing.
    fn begin<'a>(
        &'a self,
        lease: &'a Lease,
        beginning: Beginning,
    ) -> BoxFuture<'a, StoreResult<Begun>>;

    /// Stores one entry completely or not at all; committed when this returns. An item that exists
    /// is replaced in its place.
    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, StoreResult<()>>;

    /// Releases the thread and stores the last entry, the settlement and the total, or nothing. In
    /// one write: a process that died between several would leave an answer that its own receipt
    /// calls unfinished (ADR 20).
    fn end<'a>(&'a self, lease: &'a Lease, closing: Closing) -> BoxFuture<'a, StoreResult<()>>;

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<Message>>>;

    /// Everything that was stored for a message, in order, the message itself first.
    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<Entry>>>;

    fn entry<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Entry>>>;

    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Item>>>;

    /// How long even the luckiest call has waited for a place of ours, such as a connection, since
    /// this was asked last. That is a queue that stands (ADR 35).
    fn shortest_wait(&self) -> Duration {
        Duration::ZERO
    }
}

/// What happened, as one row: what the user sees of it, and what the model needs of it (ADR 6).
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The message it was done for: the one that a user would retry.
    pub root: ItemId,
    pub item: Option<Item>,
    pub message: Option<Message>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// The id of this try. It is the thread's newest from now on (ADR 22).
    pub attempt: String,
    /// Everything after this item is deleted first.
    pub rewind_to: Option<ItemId>,
    /// Stored after that, in this order.
    pub entries: Vec<Entry>,
    /// `None` if the request cannot be repeated.
    pub receipt: Option<NewReceipt>,
    /// All tools that are approved for the conversation from now on; `None` changes nothing
    /// (ADR 38).
    pub granted: Option<Vec<String>>,
}

/// The result of [`ThreadLog::begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Kept,
    /// Nothing was stored: another request used the key in the meantime.
    KeyTaken,
}

/// What a turn writes when it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Closing {
    /// The thread's total, not an amount to add: writing it twice is harmless (ADR 16).
    pub spent: Spend,
    /// The last entry; `None` if everything is stored already.
    pub last: Option<Entry>,
    /// How the turn ended; `None` if the request cannot be repeated.
    pub settlement: Option<Settlement>,
    /// What the owner of the thread has used; `None` if nothing is added.
    pub charge: Option<Charge>,
}
