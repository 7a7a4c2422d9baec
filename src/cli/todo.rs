//! `orchestrator todo`: the bundled todo server alone.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use todo::{Settings, StartError};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::signals::signalled;
use crate::cores::Cores;
use crate::serving::{Routers, serve_tcp};

/// Enough for many replicas, and below every usual limit of open files.
const MAX_REQUESTS: usize = 512;

/// How long requests may continue after the stop signal.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves on stdio until its input ends, or over HTTP until a stop signal.
pub(super) async fn todo(settings: Settings, http: Option<SocketAddr>) -> anyhow::Result<()> {
    let Some(address) = http else {
        return Ok(todo::serve_stdio(settings).await?);
    };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("Cannot listen on the address {address}"))?;
    tracing::info!("The todo server is listening on http://{}/mcp", listener.local_addr()?);
    let stop = CancellationToken::new();
    let serve = serve_todo(settings, listener, stop.clone());
    let mut serve = pin!(serve);
    tokio::select! {
        // A server that could not start must not wait for a signal.
        served = &mut serve => return Ok(served?),
        signalled = signalled() => signalled?,
    }
    stop.cancel();
    Ok(serve.await?)
}

/// Serves the todo server at `/mcp` until `stop`.
pub async fn serve_todo(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let routers = Routers::from(todo::router(settings, &stop).await?);
    // One thread is enough for it (ADR 25).
    let here = Cores::only_here();
    tokio::select! {
        () = serve_tcp(listener, routers, MAX_REQUESTS, here, stop.clone().into()) => {}
        // A client that never ends its request must not keep the process alive.
        () = async { stop.cancelled().await; sleep(DRAIN).await } => {}
    }
    Ok(())
}
