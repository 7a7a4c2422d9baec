//! The emulator as a separate program: only the command `demo-model` (ADR 27).

use clap::Parser;
use demo::DemoModel;

#[derive(Debug, Parser)]
#[command(name = "emulator", version)]
struct Arguments {
    #[command(flatten)]
    model: DemoModel,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    Arguments::parse().model.serve(async { Ok(tokio::signal::ctrl_c().await?) }).await
}
