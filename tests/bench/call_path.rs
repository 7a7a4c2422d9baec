//! The ways on which a tool call can go to its server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jiff::Timestamp;
use orchestrator::agents::{AgentEvent, Interrupt, Listener, Progress, ToolRequest, Tools};
use orchestrator::chat::{Beginning, Entry, Lease, NewEffect, Store};
use orchestrator::domain::{
    CallKey, Caller, Message, Owner, Secret, Spend, Thread, ThreadId, ThreadStatus, ToolCall,
};
use orchestrator::mcp::{Pace, ServerSettings, Servers, Settings, Transport};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use orchestrator::store;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::echo::{TOOL, TOOLS};

const ARGUMENTS: &str = r#"{"title":"Buy milk","due":"tomorrow"}"#;
const PATIENCE: Duration = Duration::from_secs(20);
const RENEWAL: Duration = Duration::from_secs(4);

/// How the server is reached.
pub(crate) enum Way {
    Stdio,
    Http(String),
}

pub(crate) enum CallPath {
    Bare(Bare),
    Guarded(Guarded),
    Journaled(Box<(Guarded, Journal)>),
}

/// rmcp alone.
pub(crate) struct Bare(RunningService<RoleClient, ()>);

/// As a turn calls it.
#[derive(Clone)]
pub(crate) struct Guarded(Arc<Servers>);

/// Where intents and answers are committed.
#[derive(Clone)]
pub(crate) struct Journal {
    store: Arc<dyn Store>,
    lease: Lease,
}

struct Unheard;

impl Way {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http(_) => "HTTP",
        }
    }

    fn transport(&self) -> Transport {
        match self {
            Self::Stdio => Transport::Child {
                command: this_program(),
                args: Vec::new(),
                env: vec![(TOOLS.to_owned(), Secret::new("stdio".to_owned()))],
                cwd: None,
            },
            Self::Http(url) => Transport::Http { url: url.clone(), headers: Vec::new() },
        }
    }
}

impl CallPath {
    pub(crate) async fn call(&self) {
        match self {
            Self::Bare(bare) => bare.call().await,
            Self::Guarded(guarded) => drop(guarded.call(None).await),
            Self::Journaled(path) => path.1.call_once(&path.0).await,
        }
    }
}

impl Bare {
    pub(crate) async fn open(way: &Way) -> Self {
        let preferred_versions = vec![ProtocolVersion::LATEST];
        let lifecycle = ClientLifecycleMode::Auto { preferred_versions, legacy_version: None };
        let running = match way {
            Way::Stdio => {
                let mut command = tokio::process::Command::new(this_program());
                command.env(TOOLS, "stdio");
                let child = TokioChildProcess::new(command).unwrap();
                Box::pin(().serve_with_lifecycle(child, lifecycle)).await
            }
            Way::Http(url) => {
                until_open(url).await;
                let transport = StreamableHttpClientTransport::from_uri(url.as_str());
                Box::pin(().serve_with_lifecycle(transport, lifecycle)).await
            }
        };
        Self(running.unwrap())
    }

    async fn call(&self) {
        let arguments: Map<String, Value> = serde_json::from_str(ARGUMENTS).unwrap();
        let call = CallToolRequestParams::new(TOOL).with_arguments(arguments);
        drop(self.0.peer().call_tool(call).await.unwrap());
    }
}

impl Guarded {
    pub(crate) async fn open(way: &Way) -> Self {
        let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_mins(1) };
        let (min_delay, max_delay) = (Duration::from_millis(500), Duration::from_secs(8));
        let settings = Settings {
            servers: vec![ServerSettings::new("bench", way.transport())],
            faults: Vec::new(),
            warnings: Vec::new(),
            call_timeout: PATIENCE,
            connect_timeout: PATIENCE,
            guard: GuardSettings { breaker, retries: 2, min_delay, max_delay, jitter: true },
            pace: Pace::default(),
            outbound: Outbound::default(),
            pins: None,
            vault: None,
            public_url: String::new(),
        };
        let servers = Servers::start(settings, CancellationToken::new());
        servers.offers(|catalog| catalog.find(TOOL).is_some()).await;
        Self(servers)
    }

    /// The answer.
    async fn call(&self, key: Option<CallKey>) -> String {
        let call = ToolCall {
            id: "call_1".into(),
            name: TOOL.to_owned(),
            tool: None,
            arguments: ARGUMENTS.to_owned(),
            extra: None,
            key,
        };
        let progress = Progress::new(call.id.clone(), Arc::new(Unheard));
        let request = ToolRequest {
            call: &call,
            caller: &Caller::anyone(),
            key: call.key.as_ref().map(CallKey::as_str),
            deadline: Instant::now() + PATIENCE,
            interrupt: &Interrupt::default(),
            progress: &progress,
            resumed: None,
        };
        self.0.call(request).await.unwrap().text
    }
}

impl Journal {
    pub(crate) async fn open(folder: &Path) -> Self {
        let breaker = BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(10) };
        let (min_delay, max_delay) = (Duration::from_millis(10), Duration::from_millis(50));
        let guard = GuardSettings { breaker, retries: 1, min_delay, max_delay, jitter: false };
        let url = format!("sqlite://{}/threads.db", folder.display());
        let opened = store::open(&store::Settings { url, timeout: PATIENCE, guard }).await;
        let store = opened.unwrap().store;
        let thread = Thread {
            id: ThreadId::new_thread(),
            owner: Owner::anyone(),
            title: None,
            created_at: Timestamp::UNIX_EPOCH,
            status: ThreadStatus::Active,
            spent: Spend::default(),
            granted: Vec::new(),
        };
        let beginning = Beginning {
            attempt: "bench".to_owned(),
            rewind_to: None,
            entries: vec![Entry {
                root: "msg_bench".into(),
                item: None,
                message: Some(Message::Note { text: "bench".to_owned() }),
            }],
            receipt: None,
            granted: None,
        };
        let lease = store.create(&thread, beginning).await.unwrap().unwrap();
        let (held, renewed) = (Arc::clone(&store), lease.clone());
        // As the heartbeat of the program does.
        tokio::spawn(async move {
            loop {
                sleep(RENEWAL).await;
                drop(held.renew(std::slice::from_ref(&renewed)).await);
            }
        });
        Self { store, lease }
    }

    /// As a turn makes a call that may change something.
    async fn call_once(&self, guarded: &Guarded) {
        let key = CallKey::new_key();
        let effect = NewEffect {
            root: "msg_bench".into(),
            key: key.to_string(),
            tool: TOOL.to_owned(),
            arguments: ARGUMENTS.to_owned(),
        };
        self.store.intend(&self.lease, &effect).await.unwrap();
        let answer = guarded.call(Some(key)).await;
        self.store.conclude(&self.lease, &effect.key, &answer).await.unwrap();
    }
}

impl Listener for Unheard {
    fn on(&self, _: AgentEvent) {}

    fn settled(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

fn this_program() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

/// Waits until the server listens.
async fn until_open(url: &str) {
    let begun = Instant::now();
    while reqwest::get(url).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the tool server did not start");
        sleep(Duration::from_millis(5)).await;
    }
}
