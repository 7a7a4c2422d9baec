//! Threads while the database misbehaves.

mod batch_writer;
mod file;
mod long_results;
mod server;
mod upgrade;
mod usage;
mod wire;

use std::time::Duration;

use jiff::Timestamp;
use orchestrator::chat::{Beginning, Entry, Lease, Resource};
use orchestrator::domain::{
    Item, ItemContent, ItemId, Message, Order, OutputText, Owner, PageRequest, Spend, Thread,
    ThreadId, ThreadStatus,
};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use orchestrator::store::{Opened, Settings, open};

async fn store(url: &str, timeout: Duration) -> Opened {
    open(&settings(url, timeout)).await.unwrap()
}

/// A guard whose breaker stays out of the way.
fn settings(url: &str, timeout: Duration) -> Settings {
    let breaker = BreakerSettings { max_failures: 1_000, cool_down: Duration::from_secs(1) };
    let (min_delay, max_delay) = (Duration::from_millis(10), Duration::from_millis(50));
    let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: false };
    Settings { url: url.to_owned(), timeout, guard }
}

fn thread() -> Thread {
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

/// The lease of whoever made the thread.
fn held(thread: &Thread) -> Lease {
    Lease { resource: Resource::from(&thread.id), epoch: 1 }
}

/// What opens every thread: an item that nobody counts.
fn opening(thread: &Thread) -> Beginning {
    let content = vec![OutputText { annotations: Vec::new(), text: "Hello".into() }];
    let item = Item {
        id: ItemId::new_message(),
        thread_id: thread.id.clone(),
        created_at: thread.created_at,
        content: ItemContent::AssistantMessage { content },
    };
    let entry = Entry { root: item.id.clone(), item: Some(item), message: None };
    let attempt = "first".to_owned();
    Beginning { attempt, rewind_to: None, entries: vec![entry], receipt: None, granted: None }
}

/// An entry that only the model sees.
fn note(text: &str) -> Entry {
    let message = Message::Note { text: text.to_owned() };
    Entry { root: ItemId::from("msg_turn"), item: None, message: Some(message) }
}

fn page(limit: u32) -> PageRequest {
    PageRequest { limit, order: Order::Desc, after: None }
}
