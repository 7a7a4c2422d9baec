//! The house over HTTP, with doubles behind the agent's ports and a store of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use futures::StreamExt;
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use orchestrator::agents::{Model, RunLimits, SpendBudget, Tools};
use orchestrator::api::{Api, Authentication, Hosts, Lifecycle, Origins, Phase, Settings, router};
use orchestrator::chat::{self, Chat, Store, Titles};
use orchestrator::domain::{AllowedDomains, ApprovalRule, CallerLimits, HealthProbe, SignIns};
use orchestrator::store;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::doubles::{Act, FakeTools, ScriptedModel};
use super::watchdog::{Held, until};

/// A house for one test.
pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) chat: Arc<Chat>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lifecycle: Lifecycle,
    _held: Held,
}

/// What a test may choose.
pub(crate) struct Choices {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) probes: Vec<Arc<dyn HealthProbe>>,
    pub(crate) max_turns: usize,
    pub(crate) caller_limits: CallerLimits,
    pub(crate) turn_timeout: Duration,
    pub(crate) origins: Origins,
    pub(crate) hosts: Hosts,
    pub(crate) authentication: Authentication,
    pub(crate) titles: Titles,
    pub(crate) budget: SpendBudget,
    pub(crate) approvals: ApprovalRule,
    pub(crate) allowed_domains: AllowedDomains,
    pub(crate) phase: Phase,
    pub(crate) sign_ins: Option<Arc<dyn SignIns>>,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            model: ScriptedModel::new([]),
            tools: FakeTools::new(&["read_a", "add"]),
            store: None,
            probes: Vec::new(),
            max_turns: 100,
            caller_limits: CallerLimits::default(),
            turn_timeout: Duration::from_mins(2),
            origins: Origins::LoopbackAnd(Vec::new()),
            hosts: Hosts::Named(Vec::new()),
            authentication: Authentication::everybody(),
            titles: Titles::FirstWords,
            budget: SpendBudget::default(),
            approvals: ApprovalRule::default(),
            allowed_domains: AllowedDomains::default(),
            phase: Phase::Serving,
            sign_ins: None,
        }
    }
}

impl TestApp {
    /// A house whose model acts from a script.
    pub(crate) async fn scripted(script: impl IntoIterator<Item = Act>) -> Self {
        Self::new(Choices { model: ScriptedModel::new(script), ..Choices::default() }).await
    }

    pub(crate) async fn new(choices: Choices) -> Self {
        let store = match choices.store {
            Some(store) => store,
            None => memory().await,
        };
        let settings = chat::Settings {
            max_turns: choices.max_turns,
            max_waiting: 4,
            caller_limits: choices.caller_limits,
            max_context_tokens: 32_000,
            allowed_domains: choices.allowed_domains,
            titles: choices.titles,
            approvals: choices.approvals,
            limits: RunLimits { max_steps: 8, budget: choices.budget },
            turn_timeout: choices.turn_timeout,
            time_zone: TimeZone::UTC,
        };
        let chat = Chat::new(Arc::clone(&store), choices.model, choices.tools, settings);
        let (chat, lifecycle) = (Arc::new(chat), Lifecycle::default());
        lifecycle.enter(choices.phase);
        let Choices { origins, hosts, authentication, probes, .. } = choices;
        let settings = Settings { max_input_chars: 5_000, origins, hosts };
        let here = lifecycle.clone();
        let api = Api::new(Arc::clone(&chat), probes, here, authentication, settings);
        let api = match choices.sign_ins {
            Some(sign_ins) => api.with_sign_ins(sign_ins),
            None => api,
        };
        Self { router: router(api), chat, store, lifecycle, _held: Held::new() }
    }

    /// Sends JSON and reads the whole answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(path, body)).await
    }

    /// The short form with a JSON answer.
    pub(crate) async fn ask(&self, body: &Value) -> Answer {
        let mut request = json_request("/chat", body);
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        self.send(request).await
    }

    /// Begins a thread with a message in the ChatKit form.
    pub(crate) async fn create(&self, text: &str) -> Answer {
        self.post("/chatkit", &create(text)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.open(request).await).await
    }

    /// Sends, and leaves the body unread.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Waits until no turn runs.
    pub(crate) async fn idle(&self) {
        until("no turn runs", || self.chat.running() == 0).await;
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The events of a stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        events_in(&self.text)
    }

    /// The types of the events that are about items, in order, deltas of one kind folded.
    pub(crate) fn types(&self) -> Vec<String> {
        let mut types: Vec<String> = self.events().iter().map(type_of).collect();
        types.retain(|kind| kind != "thread.updated");
        types.dedup();
        types
    }

    /// The thread that the stream began.
    pub(crate) fn thread_id(&self) -> String {
        self.events()[0]["thread"]["id"].as_str().unwrap().to_owned()
    }
}

/// Reads a response's events until `count` have come, then leaves.
pub(crate) async fn read_events(response: Response, count: usize) -> Vec<Value> {
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let Some(piece) = body.next().await else { break };
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    events_in(&text)
}

pub(crate) fn events_in(text: &str) -> Vec<Value> {
    let datas = text.lines().filter_map(|line| line.strip_prefix("data: "));
    datas.map(|data| serde_json::from_str(data).unwrap()).collect()
}

pub(crate) fn type_of(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap();
    match event["update"]["type"].as_str() {
        Some(update) => update.rsplit('.').next().unwrap().to_owned(),
        None => match event["item"]["type"].as_str() {
            Some(item) => format!("{} {item}", kind.trim_start_matches("thread.item.")),
            None => kind.to_owned(),
        },
    }
}

pub(crate) fn json_request(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

pub(crate) fn create(text: &str) -> Value {
    json!({ "type": "threads.create", "params": { "input": input(text) } })
}

pub(crate) fn add(thread: &str, text: &str) -> Value {
    let params = json!({ "thread_id": thread, "input": input(text) });
    json!({ "type": "threads.add_user_message", "params": params })
}

fn input(text: &str) -> Value {
    let content = json!([{ "type": "input_text", "text": text }]);
    json!({ "content": content, "attachments": [], "inference_options": {} })
}

/// A store that lives as long as the test.
pub(crate) async fn memory() -> Arc<dyn Store> {
    let guard = orchestrator::resilience::GuardSettings {
        breaker: orchestrator::resilience::BreakerSettings {
            max_failures: 5,
            cool_down: Duration::from_secs(10),
        },
        retries: 0,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(1),
        jitter: false,
    };
    let timeout = Duration::from_secs(5);
    let settings = store::Settings { url: "memory".to_owned(), timeout, guard };
    store::open(&settings).await.unwrap().store
}
