//! All servers together: the door of this room.

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
use super::call::server::{PreparedCall, Server};
use super::fault::CallFault;
use super::link::supervisor::Supervisor;
use super::tools::board::{Board, OfferedTools, Route};
use crate::agents::{ToolError, ToolRequest, Tools};
use crate::domain::{Catalog, Dependency, Effect, HealthProbe, ToolOutput, shorten};

/// So long is waited for servers that were away, since they may be back.
const GRACE: Duration = Duration::from_millis(500);
/// Providers give ids of any length, and may pack anything into them.
const MAX_ID_CHARS: usize = 64;

/// The tools of any number of servers, each kept connected by a task of its own.
#[derive(Debug)]
pub struct Servers {
    board: Arc<Board>,
    supervisors: TaskTracker,
    /// Ends the supervisors, at the latest when nobody is left to use the tools.
    stop: DropGuard,
}

impl Servers {
    /// Begins to connect to all servers, and returns at once.
    ///
    /// Cancelling `stop` parts from all of them, as [`Servers::shut_down`] does.
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

    /// Waits until what is on offer pleases.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn offers(&self, pleases: impl Fn(&Catalog) -> bool) {
        self.until(|offered| pleases(&offered.catalog)).await;
    }

    /// Parts from all servers; takes a few seconds at most and leaves no child behind.
    ///
    /// # Cancel safety
    ///
    /// The parting goes on if the future is dropped.
    pub async fn shut_down(&self) {
        self.stop.token().cancel();
        self.supervisors.wait().await;
    }

    async fn until(&self, holds: impl Fn(&OfferedTools) -> bool) {
        let mut offered: watch::Receiver<_> = self.board.subscribe();
        // The sender lives as long as we do, so there is no other end to this.
        if offered.wait_for(|offered| holds(offered)).await.is_err() {
            tracing::debug!("Nobody will say more about the tools");
        }
    }
}

impl Tools for Servers {
    fn settled(&self) -> BoxFuture<'_, ()> {
        async {
            self.until(|offered| offered.settled).await;
            let tried = self.board.servers.iter().map(|server| server.tried_again());
            // A server that is still away must not hold up every turn.
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

/// With a key that its server honours any call may be repeated.
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
