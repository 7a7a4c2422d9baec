//! A store that fails, or never answers, when it is told to: for faults that a real one cannot be told to have.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};
use orchestrator::chat::{
    Allowances, Beginning, Begun, Charge, Claim, Closing, Count, DoneEffect, Entry, Journal, Known,
    Lease, Leases, LongResult, LongResults, ModelUsage, Naming, NewEffect, NewTurn, PageRange,
    Rating, Receipts, Received, Resource, ResultPage, Settlement, Store, StoreResult, ThreadIndex,
    ThreadLog, ThreadsError, Used,
};
use orchestrator::domain::{
    CallerLimits, Item, ItemId, Message, Owner, Page, PageRequest, ResultId, Thread, ThreadId,
};

/// Asks before each call what is to become of it.
pub(crate) struct Faulty {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fails: Box<dyn Fn(&'static str) -> bool + Send + Sync>,
    /// The call that is never answered.
    pub(crate) hangs: &'static str,
}

macro_rules! hand_on {
    ($trait:ident: $($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl $trait for Faulty {
            $(fn $name<'a>(&'a self, $($arg: $kind),*) -> BoxFuture<'a, StoreResult<$answer>> {
                if self.hangs == stringify!($name) {
                    return pending().boxed();
                }
                if (self.fails)(stringify!($name)) {
                    return ready(Err(ThreadsError::Unavailable(None))).boxed();
                }
                self.store.$name($($arg),*)
            })*
        }
    };
}

hand_on! { ThreadIndex:
    find(owner: &'a Owner, id: &'a ThreadId) -> Option<Thread>;
    list(owner: &'a Owner, page: &'a PageRequest) -> Page<Thread>;
    name(owner: &'a Owner, id: &'a ThreadId, title: &'a str, naming: Naming) -> Option<Thread>;
    delete(owner: &'a Owner, id: &'a ThreadId) -> bool;
    items(owner: &'a Owner, thread: &'a ThreadId, page: &'a PageRequest) -> Page<Item>;
    rate(owner: &'a Owner, thread: &'a ThreadId, items: &'a [ItemId], rating: Rating) -> ();
}

hand_on! { ThreadLog:
    create(thread: &'a Thread, first: Beginning) -> Option<Lease>;
    begin(lease: &'a Lease, beginning: Beginning) -> Begun;
    add(lease: &'a Lease, entry: Entry) -> ();
    end(lease: &'a Lease, closing: Closing) -> ();
    transcript(thread: &'a ThreadId, limit: u32) -> Vec<Message>;
    turn(thread: &'a ThreadId, root: &'a ItemId) -> Vec<Entry>;
    entry(thread: &'a ThreadId, item: &'a ItemId) -> Option<Entry>;
    item(thread: &'a ThreadId, item: &'a ItemId) -> Option<Item>;
}

hand_on! { Leases:
    claim(owner: &'a Owner, resource: &'a Resource) -> Claim;
    renew(leases: &'a [Lease]) -> Vec<Resource>;
    release(lease: &'a Lease) -> ();
}

hand_on! { Journal:
    intend(lease: &'a Lease, effect: &'a NewEffect) -> Known;
    conclude(lease: &'a Lease, key: &'a str, output: &'a str) -> ();
    withdraw(lease: &'a Lease, key: &'a str) -> ();
    effects(resource: &'a Resource, root: &'a ItemId) -> Vec<DoneEffect>;
}

hand_on! { LongResults:
    keep(lease: &'a Lease, result: &'a LongResult) -> ();
    pages(resource: &'a Resource, result: &'a ResultId, range: PageRange) -> Vec<ResultPage>;
}

hand_on! { Allowances:
    count(turn: &'a NewTurn) -> Count;
    uncount(turn: &'a str) -> ();
    count_in(turn: &'a str, thread: &'a ThreadId) -> ();
    charge(owner: &'a Owner, thread: &'a ThreadId, charge: &'a Charge) -> ();
    used(owner: &'a Owner, limits: &'a CallerLimits) -> Used;
    usage(owner: &'a Owner, days: u32) -> Vec<ModelUsage>;
}

hand_on! { Receipts:
    received(key: &'a str) -> Option<Received>;
    settle(settlement: &'a Settlement) -> ();
}
