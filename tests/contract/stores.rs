//! Every store of threads, and what is given to them to keep.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orchestrator::chat::{Beginning, Entry, Lease, Resource, Store};
use orchestrator::domain::{
    Item, ItemContent, ItemId, Message, Order, OutputText, Owner, PageRequest, Pins, Spend, Thread,
    ThreadId, ThreadStatus,
};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use orchestrator::store::{Settings, open};

/// Runs each fact against each store, or against another port of it.
macro_rules! contract {
    (opened by $open:ident: $($fact:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $fact() { super::$fact($crate::contract::stores::$open("memory").await).await; })* }
        mod sqlite { $(#[tokio::test] async fn $fact() {
            let folder = tempfile::TempDir::new().unwrap();
            let url = format!("sqlite://{}/deep/threads.db", folder.path().display());
            super::$fact($crate::contract::stores::$open(&url).await).await;
        })* }
        mod postgresql { $(#[tokio::test] async fn $fact() {
            let Some(url) = $crate::support::postgres::database().await else { return };
            super::$fact($crate::contract::stores::$open(&url).await).await;
        })* }
    };
    ($($fact:ident),* $(,)?) => { contract!(opened by store: $($fact),*); };
}

pub(crate) async fn store(url: &str) -> Arc<dyn Store> {
    open(&settings(url)).await.unwrap().store
}

pub(crate) async fn pins(url: &str) -> Arc<dyn Pins> {
    open(&settings(url)).await.unwrap().pins
}

pub(super) fn settings(url: &str) -> Settings {
    let breaker = BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(10) };
    let (min_delay, max_delay) = (Duration::from_millis(10), Duration::from_millis(50));
    let guard = GuardSettings { breaker, retries: 1, min_delay, max_delay, jitter: false };
    Settings { url: url.to_owned(), timeout: Duration::from_secs(20), guard }
}

pub(super) fn thread() -> Thread {
    let created_at = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
    let (status, spent) = (ThreadStatus::Active, Spend::default());
    Thread {
        id: ThreadId::new_thread(),
        owner: Owner::anyone(),
        title: None,
        created_at,
        status,
        spent,
        granted: Vec::new(),
    }
}

/// Makes a thread that begins with this.
pub(crate) async fn create(store: &dyn Store, thread: &Thread, first: Entry) -> Lease {
    store.create(thread, beginning("first", first)).await.unwrap().unwrap()
}

/// A turn that begins with this.
pub(crate) fn beginning(attempt: &str, first: Entry) -> Beginning {
    let (attempt, entries) = (attempt.to_owned(), vec![first]);
    Beginning { attempt, rewind_to: None, entries, receipt: None, granted: None }
}

/// The lease of whoever made the thread.
pub(super) fn held(thread: &Thread) -> Lease {
    Lease { resource: Resource::from(&thread.id), epoch: 1 }
}

pub(super) fn said(thread: &Thread, number: u32) -> Entry {
    Entry { message: Some(message(number)), ..text(thread, &number.to_string()) }
}

pub(super) fn text(thread: &Thread, text: &str) -> Entry {
    let text = OutputText { annotations: Vec::new(), text: text.to_owned() };
    let item = Item {
        id: ItemId::new_message(),
        thread_id: thread.id.clone(),
        // All at the same time: only the order of keeping tells them apart.
        created_at: thread.created_at,
        content: ItemContent::AssistantMessage { content: vec![text] },
    };
    Entry { root: ItemId::from("msg_turn"), item: Some(item), message: None }
}

pub(super) fn message(number: u32) -> Message {
    Message::Note { text: number.to_string() }
}

pub(super) fn number(item: &Item) -> u32 {
    let ItemContent::AssistantMessage { content } = &item.content else { unreachable!() };
    content[0].text.parse().unwrap()
}

pub(super) fn page(limit: u32, order: Order) -> PageRequest {
    PageRequest { limit, order, after: None }
}
