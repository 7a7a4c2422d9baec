//! Reads every variable once and hands each room its own settings.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;

use super::env::{ConfigError, Env};
use super::fallbacks::fallbacks;
use super::variables::GEMINI_URL;
use crate::agents::{Budget, Limits};
use crate::api::{self, Origins};
use crate::chat::Titles;
use crate::domain::{Cost, Secret, Trust};
use crate::mcp::{self, ServerSettings, Transport};
use crate::model::{Dialect, Prices, Thinking};
use crate::observability::{LogFormat, LogSettings};
use crate::resilience::{BreakerSettings, GuardSettings};
use crate::{chat, model, store, todo};

/// Everything the server is told from outside.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where people reach us.
    pub public_url: String,
    /// How long running turns may go on after the sign to stop.
    pub drain: Duration,
    /// The log.
    pub log: LogSettings,
    /// The door.
    pub api: api::Settings,
    /// Conversations.
    pub chat: chat::Settings,
    /// The model; its base URL is filled in at start if it is the bundled one.
    pub model: model::Settings,
    /// The models that stand in for it, in order.
    pub fallbacks: Vec<model::Settings>,
    /// Tools.
    pub mcp: mcp::Settings,
    /// Threads.
    pub store: store::Settings,
    /// The bundled todo server.
    pub todo: todo::Settings,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A name or an address.
    pub host: String,
    /// A port; 0 lets the system choose.
    pub port: u16,
}

impl Config {
    /// Reads the environment; `is_terminal` chooses how the log looks if nothing else does.
    pub fn load(mut env: Env, log_default: LogFormat) -> Result<Self, ConfigError> {
        let listen = listen(&mut env);
        let mut model = model(&mut env);
        let config = Self {
            public_url: env.text("PUBLIC_URL").unwrap_or_else(|| listen.url()),
            drain: env.seconds("DRAIN_SECONDS", 30),
            log: log(&mut env, log_default),
            api: api(&mut env, &listen),
            chat: chat(&mut env),
            fallbacks: fallbacks(&mut env, &mut model),
            model,
            mcp: mcp(&mut env),
            store: store(&mut env),
            todo: todo(&mut env),
            listen,
        };
        env.finish()?;
        Ok(config)
    }
}

impl Listen {
    /// Where a browser on this machine finds it.
    pub fn url(&self) -> String {
        let any = matches!(self.host.as_str(), "0.0.0.0" | "::" | "[::]");
        let host = if any { "127.0.0.1" } else { &self.host };
        format!("http://{host}:{}", self.port)
    }

    fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

fn listen(env: &mut Env) -> Listen {
    let host = env.text("HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = env.parsed("PORT", "must be a port number from 0 to 65535", |_: &u16| true);
    Listen { host, port: port.unwrap_or(8000) }
}

fn log(env: &mut Env, default: LogFormat) -> LogSettings {
    let level = "must be error, warn, info, debug or trace";
    let is_level = |level: &LevelFilter| *level != LevelFilter::OFF;
    let level = env.parsed("LOG_LEVEL", level, is_level).unwrap_or(LevelFilter::INFO);
    let format = match env.text("LOG_FORMAT").as_deref() {
        None => default,
        Some("json") => LogFormat::Json,
        Some("pretty") => LogFormat::Pretty,
        Some(_) => {
            env.fault("LOG_FORMAT", "must be json or pretty");
            default
        }
    };
    LogSettings { level, format }
}

fn api(env: &mut Env, listen: &Listen) -> api::Settings {
    let origins = env.list("ALLOWED_ORIGINS");
    let is_local = origins.is_empty() && listen.is_loopback();
    let origins = if is_local { Origins::Loopback } else { Origins::Exactly(origins) };
    api::Settings { max_input_chars: count(env, "MAX_INPUT_CHARS", 5_000, 200_000), origins }
}

fn chat(env: &mut Env) -> chat::Settings {
    let (max_steps, budget) = (env.number("MAX_STEPS", 8, 1..=100), budget(env));
    chat::Settings {
        max_turns: count(env, "MAX_STREAMS", 10_000, 1_000_000),
        max_waiting: count_from(env, "MAX_WAITING", 4, 0..=1_000),
        max_context_tokens: count_from(env, "MAX_CONTEXT_TOKENS", 32_000, 1_000..=10_000_000),
        titles: titles(env),
        limits: Limits { max_steps: u32::try_from(max_steps).unwrap_or(u32::MAX), budget },
        turn_timeout: env.seconds("TURN_TIMEOUT_SECONDS", 120),
        time_zone: time_zone(env),
    }
}

fn budget(env: &mut Env) -> Budget {
    const MOST: Cost = Cost::from_nanos(1_000_000_000_000_000);
    let expected = "must be a whole number of tokens from 1 to 1000000000";
    let is_fine = |tokens: &u64| (1..=1_000_000_000).contains(tokens);
    let max_tokens = env.parsed("MAX_TURN_TOKENS", expected, is_fine);
    let expected = "must be an amount of dollars above 0 and up to 1000000, such as 0.05";
    let is_fine = |cost: &Cost| *cost > Cost::default() && *cost <= MOST;
    Budget { max_tokens, max_cost: env.parsed("MAX_TURN_COST_USD", expected, is_fine) }
}

fn titles(env: &mut Env) -> Titles {
    match env.text("TITLES").as_deref() {
        None | Some("words") => Titles::FirstWords,
        Some("model") => Titles::Model,
        Some(_) => {
            env.fault("TITLES", "must be words or model");
            Titles::FirstWords
        }
    }
}

fn time_zone(env: &mut Env) -> TimeZone {
    let Some(name) = env.text("TIME_ZONE") else { return TimeZone::system() };
    TimeZone::get(&name).unwrap_or_else(|_| {
        env.fault("TIME_ZONE", "must be a time zone such as Europe/Berlin");
        TimeZone::UTC
    })
}

fn model(env: &mut Env) -> model::Settings {
    let api_key = env.text("GEMINI_API_KEY");
    let chosen = env.text("GEMINI_MODEL");
    let is_chosen = chosen.is_some();
    let model = chosen.unwrap_or_else(|| "gemini-2.5-flash".to_owned());
    let base_url = env.text("GEMINI_BASE_URL").unwrap_or_else(|| GEMINI_URL.to_owned());
    model::Settings {
        name: None,
        key_variable: None,
        dialect: dialect(env).unwrap_or_else(|| Dialect::guess(&model, &base_url)),
        base_url,
        offline: api_key.is_none(),
        api_key: Secret::new(api_key.unwrap_or_default()),
        first_event_timeout: env.seconds("REQUEST_TIMEOUT_SECONDS", 30),
        stall_timeout: env.seconds("STALL_TIMEOUT_SECONDS", 15),
        thinking: thinking(env),
        prices: prices(env),
        model,
        is_chosen,
        guard: guard(env, "MODEL", 3, 60),
    }
}

fn dialect(env: &mut Env) -> Option<Dialect> {
    let named = Dialect::named(&env.text("MODEL_DIALECT")?);
    if named.is_none() {
        env.fault("MODEL_DIALECT", "must be gemini or openai");
    }
    named
}

fn prices(env: &mut Env) -> Prices {
    let Some(path) = env.text("MODEL_PRICES") else { return Prices::default() };
    of_file(env, "MODEL_PRICES", Path::new(&path), Prices::read).unwrap_or_default()
}

fn thinking(env: &mut Env) -> Thinking {
    match env.text("THINKING").as_deref() {
        None | Some("auto") => Thinking::Auto,
        Some("off") => Thinking::Off,
        Some("low") => Thinking::Low,
        Some("medium") => Thinking::Medium,
        Some("high") => Thinking::High,
        Some(_) => {
            env.fault("THINKING", "must be off, auto, low, medium or high");
            Thinking::Auto
        }
    }
}

fn mcp(env: &mut Env) -> mcp::Settings {
    mcp::Settings {
        servers: servers(env),
        call_timeout: env.seconds("MCP_TIMEOUT_SECONDS", 30),
        connect_timeout: Duration::from_secs(15),
        guard: guard(env, "MCP", 5, 30),
        pace: mcp::Pace::default(),
    }
}

/// The reader's own servers; none means the bundled one.
fn servers(env: &mut Env) -> Vec<ServerSettings> {
    let chosen = ["MCP_CONFIG", "MCP_SERVER_URL", "MCP_SERVER_COMMAND"];
    let set: Vec<_> = chosen.into_iter().filter(|name| env.text(name).is_some()).collect();
    if set.len() > 1 {
        env.fault(&set.join(" and "), "exclude each other; set one of them");
    }
    if let Some(path) = env.text("MCP_CONFIG") {
        let servers = of_file(env, "MCP_CONFIG", Path::new(&path), mcp::read_servers);
        return servers.unwrap_or_default();
    }
    let transport = match (env.text("MCP_SERVER_URL"), env.text("MCP_SERVER_COMMAND")) {
        (Some(url), _) => Transport::Http { url, headers: Vec::new() },
        (None, Some(command)) => {
            let args = arguments(env);
            Transport::Child { command, args, env: Vec::new() }
        }
        (None, None) => return Vec::new(),
    };
    vec![ServerSettings { name: "mcp".to_owned(), transport, trust: Trust::Trusted }]
}

/// What a variable's file says, unless it has faults.
fn of_file<T, E: Display>(
    env: &mut Env,
    name: &str,
    path: &Path,
    read: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("names a file that cannot be read: {error}"));
    let found = text.and_then(|text| {
        read(&text).map_err(|faults| format!("names a file with faults: {faults}"))
    });
    found.map_err(|what| env.fault(name, what)).ok()
}

fn arguments(env: &mut Env) -> Vec<String> {
    let text = env.text("MCP_SERVER_ARGS").unwrap_or_default();
    if !text.starts_with('[') {
        return text.split_whitespace().map(str::to_owned).collect();
    }
    serde_json::from_str(&text).unwrap_or_else(|_| {
        env.fault("MCP_SERVER_ARGS", "must be words parted by spaces, or a JSON list of strings");
        Vec::new()
    })
}

fn store(env: &mut Env) -> store::Settings {
    let url = database(env, "DATABASE_URL", "sqlite://data/orchestrator.db");
    let breaker = BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(10) };
    let guard = GuardSettings { breaker, ..GUARD };
    store::Settings { url, timeout: Duration::from_secs(5), guard }
}

fn todo(env: &mut Env) -> todo::Settings {
    let database_url = database(env, "TODO_DATABASE_URL", "sqlite://data/todos.db");
    todo::Settings { database_url, allowed_hosts: env.list("TODO_ALLOWED_HOSTS") }
}

fn database(env: &mut Env, name: &str, default: &str) -> String {
    let Some(url) = env.text(name) else { return default.to_owned() };
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if url != "memory" && !known.iter().any(|scheme| url.starts_with(scheme)) {
        env.fault(name, "must begin with sqlite:// or postgres://, or be memory");
    }
    url
}

const GUARD: GuardSettings = GuardSettings {
    breaker: BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(30) },
    retries: 2,
    min_delay: Duration::from_millis(200),
    max_delay: Duration::from_secs(2),
    jitter: true,
};

fn guard(env: &mut Env, prefix: &str, failures: u64, seconds: u64) -> GuardSettings {
    let max_failures = env.number(&format!("{prefix}_BREAKER_FAILURES"), failures, 1..=1_000);
    let max_failures = u32::try_from(max_failures).unwrap_or(u32::MAX);
    let cool_down = env.seconds(&format!("{prefix}_BREAKER_SECONDS"), seconds);
    GuardSettings { breaker: BreakerSettings { max_failures, cool_down }, ..GUARD }
}

fn count(env: &mut Env, name: &str, default: u64, most: u64) -> usize {
    count_from(env, name, default, 1..=most)
}

fn count_from(env: &mut Env, name: &str, default: u64, range: RangeInclusive<u64>) -> usize {
    usize::try_from(env.number(name, default, range)).unwrap_or(usize::MAX)
}
