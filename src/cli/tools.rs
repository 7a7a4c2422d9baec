//! `orchestrator tools`: the servers and their tools, and the approval of changes (ADR 40).

use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::signals::signalled;
use super::tool_report::{PinState, ServerReport, ToolReport, in_a_line};
use super::tools_login::{LoginArguments, login};
use crate::agents::Tools as _;
use crate::app::bundled_todo;
use crate::config::ToolsConfig;
use crate::domain::{Pins, ToolPin};
use crate::mcp::{ServerSurvey, Servers, TokenVault};
use crate::store;

/// Longer than a server may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Tools {
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<ToolsCommand>,
}

#[derive(Debug, Subcommand)]
enum ToolsCommand {
    /// Pin a tool as it is now; running servers offer it about a second later.
    Approve(ApproveArguments),
    /// Sign in at a tool server that requires OAuth; a running server uses it within a minute.
    Login(LoginArguments),
}

#[derive(Debug, Args)]
struct ApproveArguments {
    /// The server of the tool.
    server: String,
    /// The tool; all tools of the server that are new or changed, unless given.
    tool: Option<String>,
    /// How the fingerprint of the tool must begin, as it was listed.
    #[arg(long, requires = "tool", value_name = "HEX")]
    fingerprint: Option<String>,
}

/// Connects to the servers as `serve` does, and beside it: programs are started once more.
pub(super) async fn tools(command: Tools, mut config: ToolsConfig) -> anyhow::Result<()> {
    let approval = match command.command {
        Some(ToolsCommand::Login(arguments)) => return login(arguments, config).await,
        Some(ToolsCommand::Approve(arguments)) => Some(arguments),
        None => None,
    };
    if config.uses_bundled_todo {
        config.mcp.servers.push(bundled_todo(&config.todo)?);
    }
    let database = store::open(&config.store).await.context("DATABASE_URL cannot be used")?;
    let tokens = Arc::clone(&database.tokens);
    config.mcp.vault = config.token_key.clone().map(|key| TokenVault::new(tokens, key));
    let is_lasting = config.store.url != "memory";
    let pins_tools = config.pins_tools;
    let pins = is_lasting.then_some(&*database.pins);
    let reports = reports(survey(config).await?, pins, pins_tools).await?;
    match approval {
        None if command.json => print(&serde_json::to_string_pretty(&reports)?),
        None => reports.iter().try_for_each(|report| print(&report.to_string())),
        Some(ApproveArguments { server, tool, fingerprint }) => {
            let pins = pins.context("DATABASE_URL is memory: pins are in the memory of the server; restart it to pin its tools as they are")?;
            let open = open_tools(&reports, &server, tool.as_deref())?;
            // Without this a server could show one change to be looked at and another to be approved.
            let is_as_listed = |it: &&ToolReport| it.begins_with(fingerprint.as_deref());
            ensure!(
                open.iter().all(is_as_listed),
                "The tool is not as it was listed; look at it again with `orchestrator tools`"
            );
            approve(pins, &server, &open).await
        }
    }
}

/// Nothing is pinned by looking. Leaves no child behind.
async fn survey(config: ToolsConfig) -> anyhow::Result<Vec<ServerSurvey>> {
    let servers: Arc<Servers> = Servers::start(config.mcp, CancellationToken::new());
    let ended = tokio::select! {
        // Who has not answered by then is told as not connected.
        _ = timeout(PATIENCE, servers.settled()) => Ok(()),
        // A child has a process group of its own and hears nothing of Ctrl-C.
        signalled = signalled() => signalled.and_then(|()| bail!("Stopped")),
    };
    let survey = servers.survey();
    servers.shut_down().await;
    ended.map(|()| survey)
}

async fn reports(
    survey: Vec<ServerSurvey>,
    pins: Option<&dyn Pins>,
    pins_tools: bool,
) -> anyhow::Result<Vec<ServerReport>> {
    let mut reports = Vec::new();
    for server in survey {
        let pinned = match pins {
            Some(pins) => Some(pins.pinned(&server.name).await?),
            None => None,
        };
        reports.push(ServerReport::new(server, pinned, pins_tools));
    }
    Ok(reports)
}

/// The tools that are meant and not as they are pinned.
fn open_tools<'a>(
    reports: &'a [ServerReport],
    server: &str,
    tool: Option<&str>,
) -> anyhow::Result<Vec<&'a ToolReport>> {
    let report = reports.iter().find(|report| report.name == server);
    let report = report.ok_or_else(|| no_server(reports))?;
    ensure!(report.connected, "The server {server} is not connected, so its tools are not known");
    let is_meant = |it: &&ToolReport| tool.is_none_or(|tool| it.tool == tool || it.name == tool);
    let meant: Vec<_> = report.tools.iter().filter(is_meant).collect();
    if meant.is_empty() && tool.is_some() {
        bail!("The server {server} has no such tool now; `orchestrator tools` lists what it has");
    }
    Ok(meant.into_iter().filter(|it| it.pin.is_open()).collect())
}

async fn approve(pins: &dyn Pins, server: &str, open: &[&ToolReport]) -> anyhow::Result<()> {
    if open.is_empty() {
        return print("There is nothing to approve");
    }
    let approved: Vec<ToolPin> = open.iter().map(|it| it.now.clone()).collect();
    pins.approve(server, &approved).await?;
    for tool in open {
        // What was approved, and not what was listed earlier: it may have changed since.
        if let PinState::Changed { diff } = &tool.pin {
            print(diff.trim_end())?;
        }
        print(&format!("Approved {server} {}", in_a_line(&tool.tool)))?;
    }
    Ok(())
}

fn no_server(reports: &[ServerReport]) -> anyhow::Error {
    let names: Vec<_> = reports.iter().map(|report| &*report.name).collect();
    anyhow!("No server has this name; there are: {}", names.join(", "))
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(stdout(), "{text}")?)
}
