//! A store that fails when it is told to: for faults that a real one cannot be told to have.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::chat::{
    Claim, DoneEffect, Entry, Journal, Kept, Known, Lease, Naming, NewEffect, Parting, Rating,
    Receipt, Receipts, Store, Threads, ThreadsError,
};
use orchestrator::domain::{Item, ItemId, Message, Page, PageRequest, Thread, ThreadId};

/// Asks before each call whether it is to fail.
pub(crate) struct Faulty {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fails: Box<dyn Fn(&'static str) -> bool + Send + Sync>,
}

macro_rules! hand_on {
    ($trait:ident: $($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl $trait for Faulty {
            $(fn $name<'a>(&'a self, $($arg: $kind),*) -> BoxFuture<'a, Kept<$answer>> {
                if (self.fails)(stringify!($name)) {
                    return ready(Err(ThreadsError::Unavailable(None))).boxed();
                }
                self.store.$name($($arg),*)
            })*
        }
    };
}

hand_on! { Threads:
    create(thread: &'a Thread, first: Entry) -> Lease;
    find(id: &'a ThreadId) -> Option<Thread>;
    list(page: &'a PageRequest) -> Page<Thread>;
    name(id: &'a ThreadId, title: &'a str, naming: Naming) -> Option<Thread>;
    delete(id: &'a ThreadId) -> bool;
    items(thread: &'a ThreadId, page: &'a PageRequest) -> Page<Item>;
    item(thread: &'a ThreadId, item: &'a ItemId) -> Option<Item>;
    rate(thread: &'a ThreadId, items: &'a [ItemId], rating: Rating) -> ();
    transcript(thread: &'a ThreadId, limit: u32) -> Vec<Message>;
    turn(thread: &'a ThreadId, turn: &'a ItemId) -> Vec<Entry>;
    claim(id: &'a ThreadId) -> Claim;
    renew(lease: &'a Lease) -> ();
    release(lease: &'a Lease, parting: Parting) -> ();
    add(lease: &'a Lease, entry: Entry) -> ();
    rewind(lease: &'a Lease, to: &'a ItemId, kept: Vec<Entry>) -> ();
}

hand_on! { Journal:
    intend(lease: &'a Lease, effect: &'a NewEffect) -> Known;
    conclude(lease: &'a Lease, key: &'a str, output: &'a str) -> ();
    withdraw(lease: &'a Lease, key: &'a str) -> ();
    effects(thread: &'a ThreadId, turn: &'a ItemId) -> Vec<DoneEffect>;
}

hand_on! { Receipts:
    receive(receipt: &'a Receipt) -> Option<Receipt>;
    received(key: &'a str) -> Option<Receipt>;
    supersede(old: &'a Receipt, new: &'a Receipt) -> bool;
    settle(receipt: &'a Receipt) -> ();
}
