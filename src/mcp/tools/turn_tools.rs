//! The tools of one board: for a turn, which holds it to its end, or for a single call.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::super::call::arguments::unquote;
use super::super::call::fault::CallFault;
use super::super::call::server::PreparedCall;
use super::super::call::target::CallTarget;
use super::super::content::reading::{ReadingPlan, plan_reading};
use super::board::{Board, OfferedTools, Route, RunningServer};
use base::agents::{Reading, ToolError, ToolRequest, Tools};
use base::domain::{Catalog, Effect, ToolOrigin, ToolOutput, shorten};

/// How long a turn waits for servers that were away and may be back.
const GRACE: Duration = Duration::from_millis(500);
/// For the log. Providers give ids of any length, and gateways pack signatures into them.
const MAX_ID_CHARS: usize = 64;

/// Holds the servers of its board, whatever is reloaded meanwhile (ADR 37).
pub(crate) struct TurnTools(pub(crate) Arc<Board>);

impl TurnTools {
    pub(crate) async fn until(&self, holds: impl Fn(&OfferedTools) -> bool) {
        let mut offered: watch::Receiver<_> = self.0.subscribe();
        // `self` owns the sender, so this does not end in another way.
        if offered.wait_for(|offered| holds(offered)).await.is_err() {
            tracing::debug!("No more news about the tools can come");
        }
    }
}

impl Tools for TurnTools {
    fn settled(&self) -> BoxFuture<'_, ()> {
        async {
            self.until(|offered| offered.settled).await;
            let servers: Vec<_> = self.0.servers.iter().map(RunningServer::serving).collect();
            let tried = servers.iter().map(|it| it.server.tried_again());
            // A server that is still away must not delay every turn.
            drop(timeout(GRACE, join_all(tried)).await);
        }
        .boxed()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.offered().catalog)
    }

    fn give_up(&self, ticket: &str) {
        for running in &self.0.servers {
            running.server.parked.give_up(ticket);
            // Until the changed one has answered, the one of before got the calls (ADR 39).
            running.serving().server.parked.give_up(ticket);
        }
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let call = request.call;
        if let Some(reading) = Reading::of(call) {
            return read(self.0.offered(), reading, request).boxed();
        }
        let Some(route) = self.0.offered().route(call).cloned() else {
            return std::future::ready(Err(ToolError::Unknown)).boxed();
        };
        make_call(route, request).boxed()
    }
}

/// Reads or lists what a server has besides tools (ADR 45).
async fn read(
    offered: Arc<OfferedTools>,
    reading: Reading,
    request: ToolRequest<'_>,
) -> Result<ToolOutput, ToolError> {
    let tool = reading.kind.tool();
    if offered.catalog.find(tool.name()).is_none() {
        return Err(ToolError::Unknown);
    }
    match plan_reading(&reading, &offered.catalog.content)? {
        ReadingPlan::Answer(text) => Ok(ToolOutput::plain(text, ToolOrigin::BuiltIn(tool))),
        ReadingPlan::Ask { server, target } => {
            let running = offered.holders.get(server).ok_or(ToolError::Unavailable)?;
            let request = ToolRequest { key: None, ..request };
            perform(running, PreparedCall { target, effect: Effect::ReadOnly, request }).await
        }
    }
}

/// A call with a key that its server honours may be retried, whatever it does (ADR 12).
async fn make_call(route: Route, request: ToolRequest<'_>) -> Result<ToolOutput, ToolError> {
    let Some(mut arguments) = request.call.object() else { return Err(ToolError::Arguments) };
    unquote(&mut arguments, &route.schema);
    let request = ToolRequest { key: request.key.filter(|_| route.honours_keys), ..request };
    let effect = if request.key.is_some() { Effect::Idempotent } else { route.effect };
    let target = CallTarget::Tool { tool: &route.tool, arguments };
    perform(&route.running, PreparedCall { target, effect, request }).await
}

async fn perform(running: &RunningServer, call: PreparedCall<'_>) -> Result<ToolOutput, ToolError> {
    let span = tracing::info_span!(
        "tool.call",
        tool.name = call.request.call.name,
        tool.call_id = shorten(call.request.call.id.as_str(), MAX_ID_CHARS),
        mcp.server = %running.server.name()
    );
    Box::pin(timed(running, call)).instrument(span).await
}

async fn timed(running: &RunningServer, call: PreparedCall<'_>) -> Result<ToolOutput, ToolError> {
    let began = Instant::now();
    let result = running.server.call(&call).await;
    let outcome = result.as_ref().map_or_else(CallFault::word, |_| "ok");
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(outcome, duration_ms, "Tool called");
    result.map_err(Into::into)
}
