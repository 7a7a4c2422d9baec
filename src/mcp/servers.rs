//! All servers together: starts and stops their supervisors, and replaces them when the operator
//! changes them. The entry point of this module.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::call::server::Server;
use super::link::supervisor::Supervisor;
use super::oauth::caller_sign_in::CallerSignIns;
use super::tools::board::{RunningServer, UnusedServer};
use super::tools::boards::Boards;
use super::tools::pins::PinBook;
use super::tools::turn_tools::TurnTools;
use super::{ServerFault, ServerSettings, ServerSurvey, Settings};
use base::agents::{ToolError, ToolRequest, Tools};
use base::domain::{Catalog, Dependency, HealthProbe, Reloaded, SignIns, ToolOutput};

/// Each server is kept connected by its own task.
#[derive(Debug)]
pub struct Servers {
    boards: Arc<Boards>,
    /// What holds for all servers.
    common: Settings,
    supervisors: TaskTracker,
    /// Where supervisors run, whoever reloads.
    runtime: Handle,
    /// Held while servers are replaced: reloads come one after the other.
    replacing: Mutex<()>,
    /// Ends the supervisors, at the latest when this is dropped.
    stop: DropGuard,
}

impl Servers {
    /// Starts connecting to all servers and returns immediately: an old server may take ten
    /// seconds, and the process listens before that (ADR 1). Must be called in a runtime.
    ///
    /// Cancelling `stop` disconnects all of them, as [`Servers::shut_down`] does.
    pub fn start(mut settings: Settings, stop: CancellationToken) -> Arc<Self> {
        let chosen = std::mem::take(&mut settings.servers);
        for fault in &settings.faults {
            tracing::error!("MCP_CONFIG: {fault}. This server is not used");
        }
        for warning in &settings.warnings {
            tracing::warn!("MCP_CONFIG: {warning}");
        }
        let unused = unused(std::mem::take(&mut settings.faults));
        let servers = Self {
            boards: Arc::new(Boards::new(PinBook::new(settings.pins.take()))),
            common: settings,
            supervisors: TaskTracker::new(),
            runtime: Handle::current(),
            replacing: Mutex::default(),
            stop: stop.child_token().drop_guard(),
        };
        let chosen = chosen.into_iter().map(|settings| servers.connect(settings, None)).collect();
        servers.boards.replace(chosen, unused);
        let keep = PinBook::keep(Arc::clone(&servers.boards));
        servers.supervisors.spawn(servers.stop.token().clone().run_until_cancelled_owned(keep));
        servers.supervisors.close();
        Arc::new(servers)
    }

    /// Replaces the servers by those that `read` returns. One with the same settings stays connected,
    /// and is tried now if it is not; a changed one serves until its successor has answered (ADR
    /// 39); another stays until no call and no turn that began with it is left (ADR 37). Waits for
    /// no server.
    pub fn reload<E>(
        &self,
        read: impl FnOnce() -> Result<Vec<ServerSettings>, E>,
    ) -> Result<Reloaded, E> {
        let _one_after_the_other = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = read()?;
        let before = self.boards.present();
        let mut told = Reloaded::default();
        let names = before.servers.iter().map(|it| it.server.name());
        let mut gone: Vec<_> = names.chain(before.unused.iter().map(|it| &it.name)).collect();
        let mut servers = Vec::new();
        for settings in wanted {
            let name = settings.name.clone();
            let known = gone.iter().any(|known| ***known == *name);
            gone.retain(|known| ***known != *name);
            let same = same_of(&before.servers, &settings);
            let became = match (&same, known) {
                (Some(_), _) => &mut told.kept,
                (None, true) => &mut told.changed,
                (None, false) => &mut told.added,
            };
            became.push(name);
            if let Some(same) = same.as_ref().filter(|it| !it.server.status().is_connected()) {
                same.server.attempts.order();
            }
            let replaced = || before_of(&before.servers, &settings);
            servers.push(same.unwrap_or_else(|| self.connect(settings.clone(), replaced())));
        }
        told.removed = gone.iter().map(ToString::to_string).collect();
        self.boards.replace(servers, Vec::new());
        Ok(told)
    }

    /// Waits until the catalogue satisfies `pleases`.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn offers(&self, pleases: impl Fn(&Catalog) -> bool) {
        self.present().until(|offered| pleases(&offered.catalog)).await;
    }

    /// Where callers sign in at servers (ADR 46).
    pub fn sign_ins(&self) -> Arc<dyn SignIns> {
        Arc::new(CallerSignIns::new(Arc::clone(&self.boards), self.common.clone()))
    }

    /// What each server offers now, whatever its pins say.
    pub fn survey(&self) -> Vec<ServerSurvey> {
        self.boards.present().survey()
    }

    /// Disconnects all servers within a few seconds and leaves no child behind.
    ///
    /// # Cancel safety
    ///
    /// Disconnecting continues if the future is dropped.
    pub async fn shut_down(&self) {
        self.stop.token().cancel();
        self.supervisors.wait().await;
    }

    fn connect(
        &self,
        settings: ServerSettings,
        before: Option<Arc<RunningServer>>,
    ) -> Arc<RunningServer> {
        let server = Arc::new(Server::new(settings, &self.common));
        let stop = self.stop.token().child_token();
        let (boards, common) = (Arc::clone(&self.boards), &self.common);
        let supervisor = Supervisor::new(Arc::clone(&server), boards, common, stop.clone());
        self.supervisors.spawn_on(supervisor.run(), &self.runtime);
        Arc::new(RunningServer::new(server, before, stop))
    }

    fn present(&self) -> TurnTools {
        TurnTools(self.boards.present())
    }
}

impl Tools for Servers {
    fn for_turn(&self) -> Option<Arc<dyn Tools>> {
        Some(Arc::new(self.present()))
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        let present = self.present();
        async move { present.settled().await }.boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.present().catalog()
    }

    fn give_up(&self, ticket: &str) {
        self.present().give_up(ticket);
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let present = self.present();
        async move { present.call(request).await }.boxed()
    }
}

impl HealthProbe for Servers {
    fn report(&self) -> Vec<Dependency> {
        self.boards.present().report()
    }
}

/// The server that has these settings. It may be one that was changed back before that had an effect.
fn same_of(
    servers: &[Arc<RunningServer>],
    settings: &ServerSettings,
) -> Option<Arc<RunningServer>> {
    let all = servers.iter().flat_map(|it| [Some(Arc::clone(it)), it.before()]);
    all.flatten().find(|it| it.server.settings == *settings)
}

/// The server that a changed one may serve as until then: it must have answered, and whom it acts
/// for must not have changed (ADR 32).
fn before_of(
    servers: &[Arc<RunningServer>],
    settings: &ServerSettings,
) -> Option<Arc<RunningServer>> {
    let named = servers.iter().find(|it| it.server.settings.name == settings.name)?;
    let before = named.before().unwrap_or_else(|| Arc::clone(named));
    let rights = |of: &ServerSettings| (of.trust, of.tell_owner, of.forward_auth, of.sign_in);
    let is_same = rights(&before.server.settings) == rights(settings);
    (is_same && before.server.status().has_answered).then_some(before)
}

/// The servers that have faults, each with all of them.
fn unused(faults: Vec<ServerFault>) -> Vec<UnusedServer> {
    let mut advice = BTreeMap::<String, Vec<String>>::new();
    for ServerFault { server, problem, .. } in faults {
        advice.entry(server.unwrap_or_default()).or_default().push(problem.into_owned());
    }
    let unused = advice.into_iter().map(|(name, problems)| UnusedServer {
        name: name.into(),
        advice: format!("{}; then reload or restart", problems.join("; ")),
    });
    unused.collect()
}
