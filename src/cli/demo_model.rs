//! `orchestrator demo-model`: the bundled offline model on its own.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::stop::signalled;
use crate::demo::{self, Agent, EmulateSettings, Knobs, Settings};

/// What the command line says of the model.
#[derive(Debug, Args)]
pub(super) struct DemoModel {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Emulate Gemini for tests: faults, scripts and directives in texts.
    #[arg(long)]
    emulate: bool,
    /// Timing and behaviour of every answer, such as ttft=400,dialect=openai (specs/emulator.md).
    #[arg(long, value_name = "NAME=VALUE,…", requires = "emulate", default_value = "")]
    knobs: Knobs,
    /// Who answers where no scenario is asked for: repeatable or brain.
    #[arg(long, requires = "emulate", default_value = "repeatable")]
    agent: Agent,
    /// Makes ids, signatures and mixtures repeatable.
    #[arg(long, requires = "emulate", default_value_t = 1)]
    seed: u64,
}

impl DemoModel {
    /// Serves until the sign to stop.
    pub(super) async fn serve(self) -> anyhow::Result<()> {
        let (address, emulate) = (self.listen, self.emulate);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("The address {address} cannot be listened on"))?;
        let base_url = format!("http://{}/v1beta/openai", listener.local_addr()?);
        tracing::info!(base_url, emulate, "The offline model listens");
        serve_until_stopped(listener, self.settings()).await
    }

    fn settings(self) -> Settings {
        let Self { knobs, agent, seed, .. } = self;
        if self.emulate {
            Settings::emulate(demo::answer, EmulateSettings { agent, seed, knobs })
        } else {
            Settings::plain(demo::answer)
        }
    }
}

async fn serve_until_stopped(listener: TcpListener, settings: Settings) -> anyhow::Result<()> {
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
