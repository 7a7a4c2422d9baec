//! `orchestrator todo`: the bundled todo server on its own.

use std::net::SocketAddr;
use std::pin::pin;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::stop::signalled;
use crate::todo::{self, Settings};

/// Serves on stdio until its input ends, or on HTTP until the sign to stop.
pub(super) async fn todo(settings: Settings, http: Option<SocketAddr>) -> anyhow::Result<()> {
    let Some(address) = http else {
        return Ok(todo::serve_stdio(settings).await?);
    };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("The address {address} cannot be listened on"))?;
    tracing::info!(address = %listener.local_addr()?, "The todo server listens at /mcp");
    let stop = CancellationToken::new();
    let serve = todo::serve_http(settings, listener, stop.clone());
    let mut serve = pin!(serve);
    tokio::select! {
        // A server that could not start must not wait for the sign to stop.
        served = &mut serve => return Ok(served?),
        signalled = signalled() => signalled?,
    }
    stop.cancel();
    Ok(serve.await?)
}
