//! The house with parts of it gone.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use orchestrator::chat::{Entry, Kept, Threads, ThreadsError};
use orchestrator::domain::{Item, Message, Page, PageRequest, Thread, ThreadId};
use serde_json::json;

use crate::support::app::{Choices, TestApp, create, json_request, memory, read_events};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, says};

/// A store that keeps so many entries and then none.
struct Failing {
    store: Arc<dyn Threads>,
    left: std::sync::atomic::AtomicUsize,
}

impl Failing {
    fn fails(&self) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

impl Threads for Failing {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<()>> {
        if self.fails() { down() } else { self.store.create(thread, first) }
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.store.find(id)
    }

    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        self.store.list(page)
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        self.store.items(thread, page)
    }

    fn add<'a>(&'a self, thread: &'a ThreadId, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        if self.fails() { down() } else { self.store.add(thread, entry) }
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        self.store.transcript(thread, limit)
    }
}

#[tokio::test]
async fn without_any_tool_server_the_chat_answers_and_tells_user_and_model() {
    let model = ScriptedModel::new([says("I have no tools.")]);
    let tools = FakeTools::without_servers();
    let app = TestApp::new(Choices { model: model.clone(), tools, ..Choices::default() }).await;

    let answer = app.create("add milk").await;

    let notice = answer.events().into_iter().find(|event| event["type"] == "notice").unwrap();
    assert_eq!(notice["level"], "warning");
    assert!(notice["message"].as_str().unwrap().contains("todo"));
    assert!(model.asked()[0].system.contains("cannot be reached now: todo"));
    assert_eq!(answer.types().last().unwrap(), "done assistant_message");
}

#[tokio::test]
async fn a_store_that_fails_before_the_message_is_kept_is_told_as_an_event_or_a_503() {
    let app = failing(0, []).await;

    let chatkit = app.create("hi").await;
    let short = app.post("/chat", &json!({ "message": "hi" })).await;

    assert_eq!((chatkit.status.as_u16(), short.status.as_u16()), (200, 503));
    assert_eq!(chatkit.events().len(), 1);
    assert_eq!(chatkit.events()[0]["allow_retry"], json!(true));
}

#[tokio::test]
async fn nothing_is_shown_as_done_that_was_not_kept() {
    let app = failing(1, [says("An answer.")]).await;

    let answer = app.create("hi").await;

    assert_eq!(answer.types().last().unwrap(), "error");
    assert!(!answer.types().contains(&"done assistant_message".to_owned()));
    assert!(answer.text.contains("could not be saved"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_outlives_the_drain_ends_with_an_honest_event() {
    let app = TestApp::scripted([Act::Hang(Vec::new())]).await;
    let response = app.open(json_request("/chatkit", &create("hi"))).await;

    let (events, ()) =
        tokio::join!(read_events(response, 100), app.chat.drain(Duration::from_secs(30)));

    let last = events.last().unwrap();
    assert_eq!(last["type"], "error");
    assert!(last["message"].as_str().unwrap().contains("restarting"), "{last}");
}

async fn failing(kept: usize, script: impl IntoIterator<Item = Act>) -> TestApp {
    let store = Failing { store: memory().await, left: kept.into() };
    let model = ScriptedModel::new(script);
    let threads: Option<Arc<dyn Threads>> = Some(Arc::new(store));
    TestApp::new(Choices { model, threads, ..Choices::default() }).await
}

fn down<'a>() -> BoxFuture<'a, Kept<()>> {
    ready(Err(ThreadsError::Unavailable(None))).boxed()
}
