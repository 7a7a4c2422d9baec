//! Reads every variable once, and fills the settings of each module.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;

use super::authentication::{authentication, keys_file};
use super::caller_limits::caller_limits;
use super::env::{ConfigError, Env};
use super::guard::GUARD;
use super::listen::{Listen, admin, hosts, is_name, listen, origins, public_url};
use super::models::models;
use super::servers_file::ServersFile;
use super::todo::{todo, todo_at};
use super::tools::{names_no_server, pins_tools, token_key, tools};
use super::variables::{
    ALLOWED_IMAGE_DOMAINS, APPROVALS, DATABASE_URL, DRAIN_SECONDS, LAME_DUCK_SECONDS, LOG_FORMAT,
    LOG_LEVEL, MAX_CONTEXT_TOKENS, MAX_INPUT_CHARS, MAX_STEPS, MAX_STREAMS, MAX_TURN_COST_USD,
    MAX_TURN_TOKENS, MAX_WAITING, TIME_ZONE, TITLES, TURN_TIMEOUT_SECONDS, Variable,
};
use crate::agents::{RunLimits, SpendBudget};
use crate::chat::Titles;
use crate::domain::{AllowedDomains, ApprovalRule, Caller, Cost};
use crate::observability::{LogFormat, LogSettings};
use crate::resilience::{BreakerSettings, GuardSettings};
use crate::{api, auth, chat, mcp, model, store};

/// All settings of the server.
#[derive(Debug)]
pub struct Config {
    pub listen: Listen,
    /// Where operators and their probes are served, without a credential.
    pub admin: Option<SocketAddr>,
    /// Where people reach the server; `None` if that is where it listens.
    pub public_url: Option<String>,
    /// How long to serve after SIGTERM while reporting that the server is not ready.
    pub lame_duck: Duration,
    /// How long running turns may continue after that.
    pub drain: Duration,
    pub log: LogSettings,
    pub api: api::Settings,
    pub auth: auth::Settings,
    /// Whom a request without a credential comes from; `None` if it is refused.
    pub anonymous: Option<Caller>,
    pub chat: chat::Settings,
    /// If it is the bundled model, its base URL is filled in at the start.
    pub model: model::Settings,
    /// In the order in which they are asked.
    pub fallbacks: Vec<model::Settings>,
    /// The operator's own servers.
    pub mcp: mcp::Settings,
    /// The file that lists them; `None` if variables do.
    pub servers_file: Option<ServersFile>,
    /// Whether definitions of their tools are pinned (ADR 40).
    pub pins_tools: bool,
    /// Seals the operator's sign-ins at tool servers (ADR 42).
    pub token_key: Option<mcp::SealingKey>,
    /// Whether to start the bundled todo server, because no server was chosen.
    pub uses_bundled_todo: bool,
    pub store: store::Settings,
    pub todo: ::todo::Settings,
}

impl Config {
    /// Reads the whole environment. `log_default` is the format of the log if none is set.
    pub fn load(env: Env, log_default: LogFormat) -> Result<Self, ConfigError> {
        env.read(|env| {
            let listen = listen(env);
            let (model, fallbacks) = models(env);
            let (auth, anonymous) = authentication(env, &listen);
            let (mcp, servers_file) = tools(env);
            Self {
                public_url: public_url(env),
                admin: admin(env),
                lame_duck: env.seconds_or_none(&LAME_DUCK_SECONDS),
                drain: env.seconds(&DRAIN_SECONDS),
                log: log(env, log_default),
                api: api(env, &listen),
                auth,
                anonymous,
                chat: chat(env),
                model,
                fallbacks,
                token_key: token_key(env),
                uses_bundled_todo: names_no_server(env),
                mcp,
                servers_file,
                pins_tools: pins_tools(env),
                store: store(env),
                todo: todo(env),
                listen,
            }
        })
    }
}

/// What `tools` needs: the servers as `serve` connects them, and where pins are.
#[derive(Debug)]
pub struct ToolsConfig {
    pub mcp: mcp::Settings,
    pub pins_tools: bool,
    /// Seals sign-ins at them.
    pub token_key: Option<mcp::SealingKey>,
    pub uses_bundled_todo: bool,
    pub store: store::Settings,
    pub todo: ::todo::Settings,
}

/// For `tools`.
pub fn for_tools(env: Env) -> Result<ToolsConfig, ConfigError> {
    env.read(|env| ToolsConfig {
        uses_bundled_todo: names_no_server(env),
        mcp: tools(env).0,
        pins_tools: pins_tools(env),
        token_key: token_key(env),
        store: store(env),
        todo: todo(env),
    })
}

/// For `probe`: only where the server tells of its health.
pub fn for_probe(env: Env) -> Result<Listen, ConfigError> {
    env.read(|env| admin(env).map_or_else(|| listen(env), Listen::from))
}

/// For `keys`: the file of keys.
pub fn for_keys(env: Env) -> Result<PathBuf, ConfigError> {
    env.read(keys_file)
}

/// For `todo`, on standard input or at an address.
pub fn for_todo(
    env: Env,
    http: Option<SocketAddr>,
    log_default: LogFormat,
) -> Result<(LogSettings, ::todo::Settings), ConfigError> {
    env.read(|env| (log(env, log_default), todo_at(env, http)))
}

/// For `demo-model`; its other settings are on its command line.
pub fn for_demo_model(env: Env, log_default: LogFormat) -> Result<LogSettings, ConfigError> {
    env.read(|env| log(env, log_default))
}

fn log(env: &mut Env, default: LogFormat) -> LogSettings {
    let level = "must be error, warn, info, debug or trace";
    let is_level = |level: &LevelFilter| *level != LevelFilter::OFF;
    let level = env.parsed(&LOG_LEVEL, level, is_level).unwrap_or(LevelFilter::INFO);
    let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
    LogSettings { level, format: env.word(&LOG_FORMAT, &formats).unwrap_or(default) }
}

fn api(env: &mut Env, listen: &Listen) -> api::Settings {
    let (origins, hosts) = (origins(env, listen), hosts(env, listen));
    api::Settings { max_input_chars: count(env, &MAX_INPUT_CHARS, 1..=200_000), origins, hosts }
}

fn chat(env: &mut Env) -> chat::Settings {
    let (max_steps, budget) = (env.number(&MAX_STEPS, 1..=100), budget(env));
    chat::Settings {
        max_turns: count(env, &MAX_STREAMS, 1..=1_000_000),
        max_waiting: count(env, &MAX_WAITING, 0..=1_000),
        caller_limits: caller_limits(env),
        max_context_tokens: count(env, &MAX_CONTEXT_TOKENS, 1_000..=10_000_000),
        allowed_domains: allowed_domains(env),
        titles: titles(env),
        limits: RunLimits { max_steps: u32::try_from(max_steps).unwrap_or(u32::MAX), budget },
        approvals: approvals(env),
        turn_timeout: env.seconds(&TURN_TIMEOUT_SECONDS),
        time_zone: time_zone(env),
    }
}

fn allowed_domains(env: &mut Env) -> AllowedDomains {
    let domains = env.list(&ALLOWED_IMAGE_DOMAINS);
    for (place, domain) in domains.iter().enumerate() {
        if !is_name(domain) {
            let what = "is no domain such as example.com; leave out scheme, port and path";
            let fault = format!("has a fault in entry {}: it {what}", place + 1);
            env.fault(ALLOWED_IMAGE_DOMAINS.name, fault);
        }
    }
    AllowedDomains::new(domains.iter().map(|domain| domain.to_ascii_lowercase()).collect())
}

fn budget(env: &mut Env) -> SpendBudget {
    const MOST: Cost = Cost::from_nanos(1_000_000_000_000_000);
    let expected = "must be a whole number of tokens from 1 to 1000000000";
    let is_fine = |tokens: &u64| (1..=1_000_000_000).contains(tokens);
    let max_tokens = env.parsed(&MAX_TURN_TOKENS, expected, is_fine);
    let expected = "must be an amount of dollars above 0 and up to 1000000, with at most nine \
        decimals, such as 0.05";
    let is_fine = |cost: &Cost| *cost > Cost::default() && *cost <= MOST;
    SpendBudget { max_tokens, max_cost: env.parsed(&MAX_TURN_COST_USD, expected, is_fine) }
}

fn approvals(env: &mut Env) -> ApprovalRule {
    let words = [
        ("destructive", ApprovalRule::Destructive),
        ("always", ApprovalRule::Always),
        ("never", ApprovalRule::Never),
    ];
    env.word(&APPROVALS, &words).unwrap_or_default()
}

fn titles(env: &mut Env) -> Titles {
    let words = [("words", Titles::FirstWords), ("model", Titles::Model)];
    env.word(&TITLES, &words).unwrap_or(Titles::FirstWords)
}

fn time_zone(env: &mut Env) -> TimeZone {
    let Some(name) = env.text(&TIME_ZONE) else { return TimeZone::system() };
    TimeZone::get(&name).unwrap_or_else(|_| {
        env.fault(TIME_ZONE.name, "must be a time zone such as Europe/Berlin");
        TimeZone::UTC
    })
}

fn store(env: &mut Env) -> store::Settings {
    let url = database(env, &DATABASE_URL);
    let breaker = BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(10) };
    let guard = GuardSettings { breaker, ..GUARD };
    store::Settings { url, timeout: Duration::from_secs(5), guard }
}

pub(super) fn database(env: &mut Env, variable: &Variable) -> String {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    let url = env.text(variable).unwrap_or_default();
    if url != "memory" && !known.iter().any(|scheme| url.starts_with(scheme)) {
        env.fault(variable.name, "must begin with sqlite:// or postgres://, or be memory");
    }
    url
}

fn count(env: &mut Env, variable: &Variable, range: RangeInclusive<u64>) -> usize {
    usize::try_from(env.number(variable, range)).unwrap_or(usize::MAX)
}
