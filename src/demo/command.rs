//! The command `demo-model`. Its field docs are the text of `--help`.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "emulator")]
use super::emulation::{Agent, EmulateSettings, Knobs};
use super::{Settings, answer, serve};

/// Options of the offline model.
#[derive(Debug, Args)]
pub struct DemoModel {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    #[cfg(feature = "emulator")]
    #[command(flatten)]
    emulator: Emulator,
    #[cfg(not(feature = "emulator"))]
    #[arg(long, hide = true)]
    emulate: bool,
}

#[cfg(feature = "emulator")]
#[derive(Debug, Args)]
struct Emulator {
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
    /// Serves until `told_to_stop` ends.
    pub async fn serve(
        self,
        told_to_stop: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let (address, settings) = (self.listen, self.settings()?);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("Cannot listen on the address {address}"))?;
        let base_url = format!("http://{}/v1beta/openai", listener.local_addr()?);
        tracing::info!(base_url, emulate = settings.emulates(), "The offline model listens");
        let stop = CancellationToken::new();
        let serve = serve(listener, settings, stop.clone());
        let watch = async {
            let told = told_to_stop.await;
            stop.cancel();
            told
        };
        let (served, told) = tokio::join!(serve, watch);
        served?;
        told
    }

    #[cfg(feature = "emulator")]
    #[expect(clippy::unnecessary_wraps, reason = "without the emulator it may be refused")]
    fn settings(self) -> anyhow::Result<Settings> {
        let Emulator { emulate, knobs, agent, seed } = self.emulator;
        Ok(if emulate {
            Settings::emulate(answer, EmulateSettings { agent, seed, knobs })
        } else {
            Settings::plain(answer)
        })
    }

    #[cfg(not(feature = "emulator"))]
    fn settings(self) -> anyhow::Result<Settings> {
        anyhow::ensure!(
            !self.emulate,
            "This build has no emulator; `cargo build --features emulator` makes one that has it"
        );
        Ok(Settings::plain(answer))
    }
}
