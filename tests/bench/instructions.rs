//! Five things that every turn does, run as often as asked: `.ci/instructions.py` counts what they
//! cost under callgrind, where a figure is the same on every machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use orchestrator::agents::{
    Deltas, Model, ModelError, ModelRequest, RunLimits, SpendBudget, ToolError, ToolRequest, Tools,
};
use orchestrator::api::{Api, Authentication, Hosts, Lifecycle, Origins, Phase, Settings, router};
use orchestrator::chat::{
    self, Beginning, Chat, Entry, Fact, Lease, Resource, RunStart, Start, Store, Titles,
};
use orchestrator::domain::{
    ApprovalRule, Catalog, ItemId, Message, Owner, Reply, Spend, Thread, ThreadId, ThreadStatus,
    ToolOutput,
};
use orchestrator::model::{Chunk, Decoder};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use orchestrator::store;
use orchestrator::streaming::{ChatKit, Wire};
use tempfile::TempDir;
use tower::ServiceExt;

/// What a model sends for a word or two.
const CHUNK: &[u8] = br#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gemini-2.5-flash","choices":[{"index":0,"delta":{"role":"assistant","content":"Some words of an answer, "},"finish_reason":null}]}"#;

/// Checked whole, and then refused because there is no such thread.
const REQUEST: &str = r#"{"type":"threads.add_user_message","params":{"thread_id":"thr_0","input":{"content":[{"type":"input_text","text":"add milk, eggs and bread for tomorrow, and remind me to call the bank"}],"attachments":[],"inference_options":{}}}}"#;

/// The messages of a long thread.
const MESSAGES: usize = 100;

/// Runs one of them so often.
pub(crate) async fn run(name: &str, times: usize) {
    match name {
        "read_chunk" => read_chunk(times),
        "fold_chunk" => fold_chunk(times),
        "write_frame" => write_frame(times),
        "check_request" => check_request(times).await,
        "load_thread" => load_thread(times).await,
        _ => unreachable!("unknown: {name}"),
    }
}

fn read_chunk(times: usize) {
    for _ in 0..times {
        drop(black_box(Chunk::read(black_box(CHUNK)).unwrap()));
    }
}

/// Reading is a part of it: a chunk borrows what it was read from.
fn fold_chunk(times: usize) {
    let (mut decoder, mut said) = (Decoder::default(), Vec::new());
    for _ in 0..times {
        decoder.push(Chunk::read(black_box(CHUNK)).unwrap(), &mut said).unwrap();
        black_box(&said);
        said.clear();
    }
}

fn write_frame(times: usize) {
    let (mut wire, mut piece) = (ChatKit::default(), Vec::new());
    let run = RunStart { thread: "thr_1".into(), turn: "msg_0".into(), servers: Vec::new() };
    wire.write(&Fact::RunStarted(Box::new(run)), &mut piece);
    let start = Start { item: "msg_1".into(), at: Timestamp::UNIX_EPOCH };
    wire.write(&Fact::MessageStarted(Box::new(start)), &mut piece);
    let fact = Fact::Text("Some words of an answer, ".to_owned());
    for _ in 0..times {
        piece.clear();
        wire.write(black_box(&fact), &mut piece);
        black_box(&piece);
    }
}

async fn check_request(times: usize) {
    let store = opened("memory").await;
    let settings = chat::Settings {
        max_turns: 1,
        max_waiting: 1,
        caller_limits: orchestrator::domain::CallerLimits::default(),
        max_context_tokens: 32_000,
        allowed_domains: orchestrator::domain::AllowedDomains::default(),
        titles: Titles::FirstWords,
        approvals: ApprovalRule::default(),
        limits: RunLimits { max_steps: 8, budget: SpendBudget::default() },
        turn_timeout: Duration::from_mins(1),
        time_zone: TimeZone::UTC,
    };
    let chat = Arc::new(Chat::new(store, Arc::new(Nobody), Arc::new(Nobody), settings));
    let lifecycle = Lifecycle::default();
    lifecycle.enter(Phase::Serving);
    let origins = Origins::LoopbackAnd(Vec::new());
    let hosts = Hosts::Named(Vec::new());
    let settings = Settings { max_input_chars: 5_000, origins, hosts };
    let callers = Authentication::everybody();
    let router = router(Api::new(chat, Vec::new(), lifecycle, callers, settings));
    for _ in 0..times {
        let request = Request::post("/chatkit").header("content-type", "application/json");
        let request = request.header("host", "localhost").body(Body::from(REQUEST)).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}

async fn load_thread(times: usize) {
    let folder = TempDir::new().unwrap();
    let store = opened(&format!("sqlite://{}", folder.path().join("threads.db").display())).await;
    let thread = Thread {
        owner: Owner::anyone(),
        id: ThreadId::new_thread(),
        title: None,
        created_at: Timestamp::UNIX_EPOCH,
        status: ThreadStatus::Active,
        spent: Spend::default(),
        granted: Vec::new(),
    };
    let first = Beginning {
        attempt: "first".to_owned(),
        rewind_to: None,
        entries: vec![entry()],
        receipt: None,
        granted: None,
    };
    store.create(&thread, first).await.unwrap().unwrap();
    let lease = Lease { resource: Resource::from(&thread.id), epoch: 1 };
    for _ in 1..MESSAGES {
        store.add(&lease, entry()).await.unwrap();
    }
    for _ in 0..times {
        assert_eq!(store.transcript(&thread.id, 400).await.unwrap().len(), MESSAGES);
    }
}

fn entry() -> Entry {
    let message = Message::Note { text: "Some words of an answer, ".repeat(4) };
    Entry { root: ItemId::from("msg_turn"), item: None, message: Some(message) }
}

async fn opened(url: &str) -> Arc<dyn Store> {
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_secs(1) };
    let (min_delay, max_delay) = (Duration::from_millis(10), Duration::from_millis(50));
    let guard = GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: false };
    let (url, timeout) = (url.to_owned(), Duration::from_mins(1));
    store::open(&store::Settings { url, timeout, guard }).await.unwrap().store
}

/// Neither is asked: the request is refused before.
struct Nobody;

impl Model for Nobody {
    fn reply<'a>(
        &'a self,
        _: ModelRequest<'a>,
        _: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        unreachable!()
    }

    fn refuses_for(&self) -> Option<Duration> {
        None
    }
}

impl Tools for Nobody {
    fn settled(&self) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::default()
    }

    fn give_up(&self, _: &str) {}

    fn call<'a>(&'a self, _: ToolRequest<'a>) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        unreachable!()
    }
}
