//! What conversations need from the outside: a keeper of threads, of effects and of receipts.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TurnEnd;
use crate::domain::{Item, ItemId, Message, Page, PageRequest, Spend, Thread, ThreadId};

/// A thread whose holder falls silent is free again after this time.
pub const LEASE: Duration = Duration::from_secs(12);

/// Everything of a conversation that outlives the process.
pub trait Store: Threads + Journal + Receipts {}

impl<T: Threads + Journal + Receipts> Store for T {}

/// Where threads are kept.
pub trait Threads: Send + Sync {
    /// Keeps a new thread together with its first entry, or neither; whoever makes it holds it.
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<Lease>>;

    /// Finds a thread.
    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>>;

    /// Lists threads by time of creation.
    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>>;

    /// Gives a thread a title; unless told to, one that it has is left alone.
    fn name<'a>(
        &'a self,
        id: &'a ThreadId,
        title: &'a str,
        naming: Naming,
    ) -> BoxFuture<'a, Kept<Option<Thread>>>;

    /// Forgets a thread and all that belongs to it; tells whether it was there.
    fn delete<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<bool>>;

    /// Lists a thread's items in the order in which they were kept.
    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>>;

    /// Finds an item.
    fn item<'a>(
        &'a self,
        thread: &'a ThreadId,
        item: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Option<Item>>>;

    /// Keeps what the person thinks of items.
    fn rate<'a>(
        &'a self,
        thread: &'a ThreadId,
        items: &'a [ItemId],
        rating: Rating,
    ) -> BoxFuture<'a, Kept<()>>;

    /// The newest `limit` messages of the transcript, oldest first.
    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>>;

    /// Everything that belongs to one turn, in order, the message that began it first.
    fn turn<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<Entry>>>;

    /// Takes a thread for one turn, unless another turn holds it.
    fn claim<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Claim>>;

    /// Goes on holding it.
    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Kept<()>>;

    /// Lets it go and keeps what there was to say last, or neither.
    fn release<'a>(&'a self, lease: &'a Lease, parting: Parting) -> BoxFuture<'a, Kept<()>>;

    /// Keeps one entry whole, or nothing of it; when this returns, it is committed.
    /// An item that is there already is replaced where it stands.
    fn add<'a>(&'a self, lease: &'a Lease, entry: Entry) -> BoxFuture<'a, Kept<()>>;

    /// Forgets everything after an item, and keeps these entries in its place.
    fn rewind<'a>(
        &'a self,
        lease: &'a Lease,
        to: &'a ItemId,
        kept: Vec<Entry>,
    ) -> BoxFuture<'a, Kept<()>>;
}

/// What was done in the world for a message: written down before and after.
pub trait Journal: Send + Sync {
    /// Writes down that something is about to be done, or tells what is known of it.
    fn intend<'a>(&'a self, lease: &'a Lease, effect: &'a NewEffect) -> BoxFuture<'a, Kept<Known>>;

    /// Writes down how it ended.
    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, Kept<()>>;

    /// Strikes out what was not done after all.
    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, Kept<()>>;

    /// Everything done or begun in a turn, in order.
    fn effects<'a>(
        &'a self,
        thread: &'a ThreadId,
        turn: &'a ItemId,
    ) -> BoxFuture<'a, Kept<Vec<DoneEffect>>>;
}

/// Which requests were seen before, and what became of them.
pub trait Receipts: Send + Sync {
    /// Notes a request, or tells which one came before it under this key.
    fn receive<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<Option<Receipt>>>;

    /// The request that came under this key.
    fn received<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Kept<Option<Receipt>>>;

    /// Puts a new request in the place of an old one; tells whether it still stood there.
    fn supersede<'a>(&'a self, old: &'a Receipt, new: &'a Receipt) -> BoxFuture<'a, Kept<bool>>;

    /// Notes how the request's turn ended.
    fn settle<'a>(&'a self, receipt: &'a Receipt) -> BoxFuture<'a, Kept<()>>;
}

/// What a keeper answers.
pub type Kept<T> = Result<T, ThreadsError>;

/// The right to write in a thread. A later holder's is higher, and then this one counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which thread.
    pub thread: ThreadId,
    /// Which holder.
    pub epoch: i64,
}

/// What a holder leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parting {
    /// What the thread has cost in all: a total rather than a sum to add, right even if done twice.
    pub spent: Spend,
    /// The last entry, if it was not kept before.
    pub last: Option<Entry>,
    /// How the turn of the request ended, if it may come again.
    pub receipt: Option<Receipt>,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The thread is ours.
    Held(Thread, Lease),
    /// Another turn holds it.
    Taken,
    /// There is no such thread.
    Unknown,
}

/// Whose title it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The person's: it counts.
    Always,
    /// Ours: only if there is none.
    IfNone,
}

/// What the person thinks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// Good.
    Positive,
    /// Bad.
    Negative,
}

/// Something that happened in a thread: what the user sees of it, what the model sees of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The item whose turn it belongs to: a user message, or answered questions.
    pub turn: ItemId,
    /// For the user.
    pub item: Option<Item>,
    /// For the model.
    pub message: Option<Message>,
}

/// Something about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// The turn it belongs to.
    pub turn: ItemId,
    /// The same for the same effect, whoever tries it again.
    pub key: String,
    /// The tool.
    pub tool: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
}

/// What is known of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is written down now.
    New,
    /// It was begun; whether it was done is unknown.
    Begun,
    /// It was done; the tool's answer.
    Done(String),
}

/// Something that was done, or begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneEffect {
    /// As it was planned.
    pub effect: NewEffect,
    /// The tool's answer, if it came.
    pub output: Option<String>,
}

/// A request that may come twice, and its turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What tells it from others.
    pub key: String,
    /// A digest of its body.
    pub body: String,
    /// What tells this copy of the request from others.
    #[serde(default)]
    pub request: String,
    /// The thread of its turn.
    pub thread: ThreadId,
    /// The item that began its turn.
    pub turn: ItemId,
    /// Whether the turn began the thread.
    pub is_new: bool,
    /// When and how the turn ended, if it did.
    pub end: Option<Box<Ending>>,
}

/// When and how a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// How.
    pub turn: TurnEnd,
}

/// Why nothing was kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The `after` of a page names nothing in the list.
    #[error("the page marker is unknown")]
    UnknownCursor,
    /// Another turn has taken the thread over, or it was deleted.
    #[error("the thread is no longer ours to write in")]
    Lost,
    /// The database does not answer.
    #[error("the database is not available")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}
