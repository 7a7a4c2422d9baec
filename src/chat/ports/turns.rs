//! What turns write in a thread: each begins with one write and ends with one (ADR 20).

use futures::future::BoxFuture;

use super::{Lease, NewReceipt, Settlement, StoreResult};
use crate::domain::{Item, ItemId, Message, Spend, Thread, ThreadId};

/// What happens in threads. Whoever writes holds a lease on the thread.
pub trait ThreadLog: Send + Sync {
    /// Keeps a new thread together with what its first turn begins with, or neither; whoever
    /// makes it holds it. None if another request came under the key.
    fn create<'a>(
        &'a self,
        thread: &'a Thread,
        first: Beginning,
    ) -> BoxFuture<'a, StoreResult<Option<Lease>>>;

    /// Keeps all that a turn begins with, or nothing of it.
    fn begin<'a>(
        &'a self,
        lease: &'a Lease,
        beginning: Beginning,
    ) -> BoxFuture<'a, StoreResult<Begun>>;

    /// Keeps one entry whole, or nothing of it; when this returns, it is committed.
    /// An item that is there already is replaced where it stands.
    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, StoreResult<()>>;

    /// Lets the thread go and keeps what there was to say last, or neither.
    fn end<'a>(&'a self, lease: &'a Lease, closing: Closing) -> BoxFuture<'a, StoreResult<()>>;

    /// The newest `limit` messages of the transcript, oldest first.
    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<Message>>>;

    /// Everything that was kept for a message, in order, the message itself first.
    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<Entry>>>;

    /// Finds the entry of an item.
    fn entry<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Option<Entry>>>;
}

/// Something that happened in a thread: what the user sees of it, what the model sees of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The message it was done for: the one that a person would retry.
    pub root: ItemId,
    /// For the user.
    pub item: Option<Item>,
    /// For the model.
    pub message: Option<Message>,
}

/// What a turn begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// Names this try among all that were ever made; from now on it is the thread's newest.
    pub attempt: String,
    /// Everything after this item is forgotten first.
    pub rewind_to: Option<ItemId>,
    /// What is kept then, in order.
    pub entries: Vec<Entry>,
    /// The request that may come again.
    pub receipt: Option<NewReceipt>,
}

/// What became of a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is kept.
    Kept,
    /// Nothing is kept: another request came under the key meanwhile.
    KeyTaken,
}

/// What a turn leaves behind when it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Closing {
    /// What the thread has cost in all: a total rather than a sum to add, right even if done twice.
    pub spent: Spend,
    /// The last entry, if it was not kept before.
    pub last: Option<Entry>,
    /// How the turn ended, if its request may come again.
    pub settlement: Option<Settlement>,
}
