//! `orchestrator demo-model`: the bundled offline model on its own.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::stop::signalled;
use crate::demo::{self, EmulateSettings};

/// Serves the model until the sign to stop.
pub(super) async fn demo_model(address: SocketAddr, emulate: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("The address {address} cannot be listened on"))?;
    let base_url = format!("http://{}/v1beta/openai", listener.local_addr()?);
    tracing::info!(base_url, emulate, "The offline model listens");
    let settings = if emulate {
        demo::Settings::emulate(demo::answer, EmulateSettings::default())
    } else {
        demo::Settings::plain(demo::answer)
    };
    let stop = CancellationToken::new();
    let serve = demo::serve(listener, settings, stop.clone());
    let watch = async {
        let signalled = signalled().await;
        stop.cancel();
        signalled
    };
    let (served, signalled) = tokio::join!(serve, watch);
    served?;
    signalled
}
