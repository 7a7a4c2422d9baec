//! All servers together: starts and stops their supervisors, and routes calls. The entry point of
//! this module.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::Settings;
use super::call::arguments::unquote;
use super::call::fault::CallFault;
use super::call::server::{PreparedCall, Server};
use super::link::supervisor::Supervisor;
use super::tools::board::{Board, OfferedTools, Route};
use base::agents::{ToolError, ToolRequest, Tools};
use base::domain::{Catalog, Dependency, Effect, HealthProbe, ToolOutput, shorten};

/// How long a turn waits for servers that were away and may be back.
const GRACE: Duration = Duration::from_millis(500);
/// For the log. Providers give ids of any length, and gateways pack signatures into them.
const MAX_ID_CHARS: usize = 64;

/// Each server is kept connected by its own task.
#[derive(Debug)]
pub struct Servers {
    board: Arc<Board>,
    supervisors: TaskTracker,
    /// Ends the supervisors, at the latest when this is dropped.
    stop: DropGuard,
}

impl Servers {
    /// Starts connecting to all servers and returns immediately: an old server may take ten
    /// seconds, and the process listens before that (ADR 1).
    ///
    /// Cancelling `stop` disconnects all of them, as [`Servers::shut_down`] does.
    pub fn start(settings: Settings, stop: CancellationToken) -> Arc<Self> {
        let stop = stop.child_token();
        let make = |server: &_| Arc::new(Server::new(Clone::clone(server), &settings));
        let board = Arc::new(Board::new(settings.servers.iter().map(make).collect()));
        let supervisors = TaskTracker::new();
        for server in &board.servers {
            let (server, board) = (Arc::clone(server), Arc::clone(&board));
            supervisors.spawn(Supervisor::new(server, board, &settings, stop.clone()).run());
        }
        supervisors.close();
        Arc::new(Self { board, supervisors, stop: stop.drop_guard() })
    }

    /// Waits until the catalogue satisfies `pleases`.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn offers(&self, pleases: impl Fn(&Catalog) -> bool) {
        self.until(|offered| pleases(&offered.catalog)).await;
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

    async fn until(&self, holds: impl Fn(&OfferedTools) -> bool) {
        let mut offered: watch::Receiver<_> = self.board.subscribe();
        // `self` owns the sender, so this does not end in another way.
        if offered.wait_for(|offered| holds(offered)).await.is_err() {
            tracing::debug!("No more news about the tools can come");
        }
    }
}

impl Tools for Servers {
    fn settled(&self) -> BoxFuture<'_, ()> {
        async {
            self.until(|offered| offered.settled).await;
            let tried = self.board.servers.iter().map(|server| server.tried_again());
            // A server that is still away must not delay every turn.
            drop(timeout(GRACE, join_all(tried)).await);
        }
        .boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.board.offered().catalog)
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let call = request.call;
        let Some(route) = self.board.offered().route(call).cloned() else {
            return std::future::ready(Err(ToolError::Unknown)).boxed();
        };
        let span = tracing::info_span!(
            "tool.call",
            tool.name = call.name,
            tool.call_id = shorten(call.id.as_str(), MAX_ID_CHARS),
            mcp.server = %route.server.name()
        );
        make_call(route, request).instrument(span).boxed()
    }
}

impl HealthProbe for Servers {
    fn report(&self) -> Vec<Dependency> {
        self.board.servers.iter().map(|server| server.report()).collect()
    }
}

/// A call with a key that its server honours may be retried, whatever it does (ADR 12).
async fn make_call(route: Route, request: ToolRequest<'_>) -> Result<ToolOutput, ToolError> {
    let Some(mut arguments) = request.call.object() else { return Err(ToolError::Arguments) };
    unquote(&mut arguments, &route.schema);
    let began = Instant::now();
    let request = ToolRequest { key: request.key.filter(|_| route.honours_keys), ..request };
    let effect = if request.key.is_some() { Effect::Idempotent } else { route.effect };
    let call = PreparedCall { tool: &route.tool, effect, arguments, request };
    let result = route.server.call(&call).await;
    let outcome = result.as_ref().map_or_else(CallFault::word, |_| "ok");
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(outcome, duration_ms, "Tool called");
    result.map_err(Into::into)
}
