//! From the command line to an exit code.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use demo::DemoModel;
use tokio::runtime::{Builder, Runtime};

use super::keys::{Keys, keys};
use super::signals::signalled;
use super::tools::{Tools, tools};
use super::{probe, serve, todo};
use crate::config::{
    Config, ConfigError, Env, for_demo_model, for_keys, for_probe, for_todo, for_tools, help,
};
use crate::observability::{Background, LogFormat, LogSettings, init};

/// The exit code of a wrong configuration (`EX_USAGE`).
const EXIT_CONFIG: u8 = 64;

/// How long blocking threads may continue when everything else has ended.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// An agent server: any OpenAI-compatible model and any MCP servers behind a ChatKit chat.
#[derive(Debug, Parser)]
#[command(name = "orchestrator", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the chat (the default).
    Serve,
    /// Serve the bundled todo tools over MCP, on stdio unless told otherwise.
    Todo {
        /// Serve streamable HTTP at /mcp on this address instead. One that others reach needs
        /// `TODO_TOKENS_FILE`.
        #[arg(long, value_name = "ADDRESS")]
        http: Option<SocketAddr>,
    },
    /// Serve the bundled offline model with an OpenAI-compatible API.
    DemoModel(DemoModel),
    /// Make, list and revoke the API keys of callers.
    #[command(subcommand)]
    Keys(Keys),
    /// List the MCP servers and their tools, with what changed since they were first seen.
    Tools(Tools),
    /// Ask a running server whether it is alive; exit code 0 if it is.
    Probe {
        /// The server; the one that `ADMIN_ADDR`, or HOST and PORT name, unless given.
        url: Option<String>,
    },
}

pub fn run() -> ExitCode {
    let command = Arguments::command().after_help(help());
    let arguments = match Arguments::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match perform(arguments.command.unwrap_or(Command::Serve)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            let is_config = error.downcast_ref::<ConfigError>().is_some();
            if is_config { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

/// Each command reads only the variables that it needs: neither a health check nor a tool server
/// may fail because of a variable for the chat.
fn perform(command: Command) -> anyhow::Result<()> {
    let (env, format) = (Env::of_process(), default_format());
    match command {
        Command::Serve => {
            let config = Config::load(env, format)?;
            logged(config.log, Box::pin(serve::serve(config)))
        }
        Command::Todo { http } => {
            let (log, settings) = for_todo(env, http, format)?;
            logged(log, todo::todo(settings, http))
        }
        Command::DemoModel(model) => logged(for_demo_model(env, format)?, model.serve(signalled())),
        Command::Keys(command) => keys(command, &for_keys(env)?),
        Command::Tools(command) => {
            let config = for_tools(env)?;
            let runtime = runtime()?;
            let ended = runtime.block_on(Box::pin(tools(command, config)));
            runtime.shutdown_timeout(LAST_THREADS);
            ended
        }
        Command::Probe { url: Some(url) } => runtime()?.block_on(probe::probe(url)),
        Command::Probe { url: None } => {
            let url = for_probe(env)?.url();
            runtime()?.block_on(probe::probe(url))
        }
    }
}

fn logged(log: LogSettings, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = runtime()?;
    // Held to the end, so that the last lines are written (ADR 4).
    let _log: Background = init(log).context("The log could not be started")?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}

fn runtime() -> anyhow::Result<Runtime> {
    // A server that uses more cores starts a thread for each further one (ADR 25).
    Builder::new_current_thread().enable_all().build().context("The runtime could not be started")
}

fn default_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json }
}

/// Standard error may be closed; then nobody can be told.
fn complain(what: &impl fmt::Display) {
    drop(writeln!(std::io::stderr(), "orchestrator: {what}"));
}
