//! The composition root: the only file, with `reload`, that connects adapters to ports.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::agents::Tools;
use crate::api::{
    Api, Authentication, Lifecycle, Phase, router, router_in_private, router_when_full,
};
use crate::auth;
use crate::chat::Chat;
use crate::config::{Config, Listen};
use crate::cores::Cores;
use crate::domain::{Caller, HealthProbe, Reload, Scope, Secret, Trust};
use crate::mcp::{ServerSettings, Servers, TokenVault, Transport};
use crate::model::{self, Chain, OpenAiModel};
use crate::reload::{ServersReload, warn_of_untold};
use crate::serving::{Ending, Routers, serve_tcp};
use crate::store;

/// How long connections that are open after the drain have to close at least: as long as turns might
/// have run on, readers that lag behind are waited for.
const LAST_CONNECTIONS: Duration = Duration::from_secs(2);

/// How long requests may take to arrive on connections that were accepted last (ADR 33).
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Requests at a time on the private listener: only probes and operators come.
const PRIVATE_REQUESTS: usize = 16;

/// A tool server that hangs at the start must not keep the server from being ready.
const PATIENCE_AT_START: Duration = Duration::from_secs(5);

/// The name of the bundled todo server, and the command that starts it.
const TODO: &str = "todo";

#[derive(Clone, Copy, Debug)]
pub struct ShutdownPlan {
    /// How long the server reports that it is not ready and still serves: those who send it work
    /// learn of its end later than it does itself.
    pub lame_duck: Duration,
    /// How long running turns may continue after that.
    pub drain: Duration,
}

/// Where the server listens, and for how many.
pub struct Doors {
    pub public: TcpListener,
    /// For operators and their probes (ADR 33, ADR 37).
    pub private: Option<TcpListener>,
    /// Requests at a time.
    pub requests: usize,
}

/// The whole server, connected.
pub struct App {
    routers: Routers,
    private: Routers,
    chat: Arc<Chat>,
    model: Arc<Chain>,
    tools: Arc<Servers>,
    reload: Arc<dyn Reload>,
    lifecycle: Lifecycle,
    stop: CancellationToken,
}

impl App {
    /// Builds everything. Of the outside only a local database file is waited for (ADR 6).
    pub async fn build(mut config: Config, address: SocketAddr) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        if config.model.offline {
            config.model.base_url = start_offline_model(stop.clone()).await?;
        }
        if config.uses_bundled_todo {
            config.mcp.servers.push(bundled_todo(&config.todo)?);
        }
        let store = store::open(&config.store).await.context("DATABASE_URL cannot be used")?;
        config.mcp.pins = config.pins_tools.then_some(store.pins);
        config.mcp.public_url = public_url(&config, address);
        announce(&config, address);
        warn_of_everybody(&config);
        let knows_callers = config.anonymous.as_ref() != Some(&Caller::anyone());
        if knows_callers {
            warn_of_untold(&config.mcp.servers);
        }
        warn_of_unpriced(&config);

        let model = Arc::new(chain(config.model, config.fallbacks)?);
        let tokens = store.tokens;
        config.mcp.vault = config.token_key.map(|key| TokenVault::new(tokens, key));
        let tools = Servers::start(config.mcp, stop.clone());
        let (servers, file) = (Arc::clone(&tools), config.servers_file);
        let reload: Arc<dyn Reload> = Arc::new(ServersReload { servers, file, knows_callers });
        let chat = Chat::new(store.store, model.clone(), tools.clone(), config.chat);
        let chat = Arc::new(chat);
        let lifecycle = Lifecycle::default();
        let mut probes: Vec<Arc<dyn HealthProbe>> = vec![model.clone(), tools.clone()];
        probes.extend(store.health);
        let auth::Ways { ways, health } = auth::start(config.auth, &stop)?;
        probes.extend(health);
        let authentication = Authentication { ways, anonymous: config.anonymous };
        let api =
            Api::new(Arc::clone(&chat), probes, lifecycle.clone(), authentication, config.api);
        let api = api.with_sign_ins(tools.sign_ins());
        let private = Routers::from(router_in_private(api.clone(), Arc::clone(&reload)));
        let routers = Routers { full: router_when_full(api.clone()), usual: router(api) };
        Ok(Self { routers, private, chat, model, tools, reload, lifecycle, stop })
    }

    /// What has the file of servers read again.
    pub fn reload(&self) -> Arc<dyn Reload> {
        Arc::clone(&self.reload)
    }

    /// Serves until `ending` is ready, then drains.
    pub async fn serve(
        self,
        doors: Doors,
        ending: impl Future<Output = ShutdownPlan>,
    ) -> anyhow::Result<()> {
        let (steps, closed) = (Ending::default(), CancellationToken::new());
        let cores = Cores::of_machine().context("The threads could not be started")?;
        let Doors { public, private, requests } = doors;
        let routers = self.routers.clone();
        let server = tokio::spawn(serve_tcp(public, routers, requests, cores, steps.clone()));
        let in_private =
            tokio::spawn(serve_in_private(private, self.private.clone(), closed.clone()));
        self.open_when_settled();
        self.inspect_models();
        let ShutdownPlan { lame_duck, drain } = ending.await;

        self.serve_as_lame_duck(lame_duck, &steps).await;
        tracing::info!(turns = self.chat.running(), "Shutting down");
        let until = Instant::now() + drain;
        // In this order: a turn needs its connection to report its end, and its tools until then.
        self.chat.drain(drain).await;
        steps.stop.cancel();
        let ended = timeout_at(until.max(Instant::now() + LAST_CONNECTIONS), server).await;
        self.stop.cancel();
        self.tools.shut_down().await;
        closed.cancel();
        drop(timeout(LAST_CONNECTIONS, in_private).await);
        ended.map_or(Ok(()), |joined| joined.context("The server failed"))
    }

    async fn serve_as_lame_duck(&self, duration: Duration, steps: &Ending) {
        self.lifecycle.enter(Phase::Draining);
        steps.last_answers.cancel();
        if !duration.is_zero() {
            let seconds = duration.as_secs_f64();
            tracing::info!(seconds, "Not ready any more, but still serving");
            sleep(duration).await;
        }
        steps.shut.cancel();
        if !duration.is_zero() {
            sleep(LAST_REQUESTS).await;
        }
    }

    /// In the background: the start does not wait for what providers say of their models (ADR 17).
    fn inspect_models(&self) {
        let (model, stop) = (Arc::clone(&self.model), self.stop.clone());
        drop(tokio::spawn(async move { stop.run_until_cancelled(model.inspect()).await }));
    }

    /// Ready once every tool server has connected or failed to, so that the first turn has tools.
    fn open_when_settled(&self) {
        let (tools, lifecycle) = (Arc::clone(&self.tools), self.lifecycle.clone());
        drop(tokio::spawn(async move {
            if timeout(PATIENCE_AT_START, tools.settled()).await.is_err() {
                tracing::warn!("Ready although a tool server has not answered yet");
            }
            lifecycle.enter(Phase::Serving);
        }));
    }
}

/// Serves operators and their probes, to the very end: whoever watches the server sees that it drains.
async fn serve_in_private(
    listener: Option<TcpListener>,
    routers: Routers,
    closed: CancellationToken,
) {
    let Some(listener) = listener else { return };
    serve_tcp(listener, routers, PRIVATE_REQUESTS, Cores::only_here(), closed.into()).await;
}

/// The model and its fallbacks.
fn chain(first: model::Settings, fallbacks: Vec<model::Settings>) -> anyhow::Result<Chain> {
    let first = Arc::new(OpenAiModel::new(first)?);
    let named = |settings: model::Settings| {
        let name = settings.name.clone().unwrap_or_default();
        anyhow::Ok((Arc::from(name), Arc::new(OpenAiModel::new(settings)?)))
    };
    Ok(Chain::new(first, fallbacks.into_iter().map(named).collect::<Result<_, _>>()?))
}

/// Starts the bundled model in this process, on its own loopback port (ADR 9).
async fn start_offline_model(stop: CancellationToken) -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base_url = format!("http://{}/v1beta/openai", listener.local_addr()?);
    let settings = demo::Settings::plain(demo::answer);
    drop(tokio::spawn(async move {
        if let Err(error) = demo::serve(listener, settings, stop).await {
            tracing::error!(%error, "The offline model ended");
        }
    }));
    Ok(base_url)
}

/// The bundled todo server, as a child process of this program.
pub fn bundled_todo(settings: &todo::Settings) -> anyhow::Result<ServerSettings> {
    let program = std::env::current_exe().context("The program cannot find itself")?;
    let command = program.to_str().context("The program's path is not valid Unicode")?.to_owned();
    let database = ("TODO_DATABASE_URL".to_owned(), Secret::new(&settings.database_url));
    // A child like any other server: what works for it works for an operator's own.
    let (args, env) = (vec![TODO.to_owned()], vec![database]);
    let transport = Transport::Child { command, args, env, cwd: None };
    let trust = Trust::Bundled;
    Ok(ServerSettings { trust, tell_owner: true, ..ServerSettings::new(TODO, transport) })
}

/// One line: the address, the model, the place of the data.
fn announce(config: &Config, address: SocketAddr) {
    let data = database_place(&config.store.url);
    let listen = public_url(config, address);
    if config.model.offline {
        tracing::warn!(
            "Listening on {listen} | model: OFFLINE DEMO (GEMINI_API_KEY is not set) | data: {data}"
        );
    } else {
        let model = &config.model.model;
        tracing::info!("Listening on {listen} | model: {model} | data: {data}");
    }
}

/// Where people reach the server, without a slash at the end.
fn public_url(config: &Config, address: SocketAddr) -> String {
    let here = || Listen { host: config.listen.host.clone(), port: address.port() }.url();
    let url = config.public_url.clone().unwrap_or_else(here);
    url.trim_end_matches('/').to_owned()
}

/// Said at every start: an open server is seldom meant.
fn warn_of_everybody(config: &Config) {
    let is_seen = |address: &SocketAddr| !address.ip().is_loopback();
    if config.admin.as_ref().is_some_and(is_seen) {
        tracing::warn!(
            "ADMIN_ADDR: whoever reaches this address reads the whole /health and has MCP_CONFIG reloaded, without a key"
        );
    }
    let is_open = config.anonymous.as_ref().is_some_and(|caller| !caller.may(Scope::Operate));
    if is_open {
        tracing::warn!("ALLOW_ANONYMOUS is set: whoever reaches this address may use the server");
    }
}

/// A limit in money does not apply to a model of unknown price (ADR 16).
fn warn_of_unpriced(config: &Config) {
    let of_turn = config.chat.limits.budget.max_cost.map(|_| "MAX_TURN_COST_USD");
    let of_day = config.chat.caller_limits.cost_per_day.map(|_| "CALLER_COST_USD_PER_DAY");
    let Some(limit) = of_turn.or(of_day) else { return };
    let models = [&config.model].into_iter().chain(&config.fallbacks);
    for settings in models.filter(|settings| settings.price().is_none()) {
        let model = &settings.model;
        tracing::warn!(
            "{limit} cannot count {model}: its price is not known; name it in the file of MODEL_PRICES"
        );
    }
}

/// The place of a database, from what its driver reads as host, name or path. A URL may have its
/// password in more than one place (ADR 4).
fn database_place(url: &str) -> String {
    let server = |options: PgConnectOptions| {
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        format!("{}:{}/{database}", options.get_host(), options.get_port())
    };
    let file = |options: SqliteConnectOptions| options.get_filename().display().to_string();
    match url.split(':').next() {
        Some("postgres" | "postgresql") => url.parse().map(server).unwrap_or_default(),
        Some("sqlite") => url.parse().map(file).unwrap_or_default(),
        Some(_) | None => "memory".to_owned(),
    }
}
