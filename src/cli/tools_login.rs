//! `orchestrator tools login`: signs the operator in at a tool server, through a browser (ADR 42).

use std::io::{Write, stderr, stdout};
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::config::ToolsConfig;
use crate::mcp::{Login, ServerSettings, TokenVault};
use crate::store;

/// How long the operator may take in the browser.
const PATIENCE: Duration = Duration::from_mins(10);
/// One request of a browser to this program.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest head of such a request.
const MAX_HEAD: usize = 16 * 1024;
/// Of all that is pasted.
const MAX_PASTED: u64 = 64 * 1024;
const CALLBACK: &str = "/callback";

#[derive(Debug, Args)]
pub(super) struct LoginArguments {
    /// The name of the server in `MCP_CONFIG`.
    server: String,
    /// A scope to ask for in addition to those granted before; several in quotes, or given again.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The port of this machine to which the browser comes back, if the issuer has to know it.
    #[arg(long, value_name = "PORT", default_value = "0", hide_default_value = true)]
    port: u16,
}

/// With what a browser came back.
struct CameBack {
    query: String,
    /// It still waits for its answer; `None` if the operator pasted the address.
    browser: Option<TcpStream>,
}

pub(super) async fn login(arguments: LoginArguments, config: ToolsConfig) -> anyhow::Result<()> {
    let LoginArguments { server, scopes, port } = arguments;
    let vault = vault(&config).await?;
    let settings = find(&config, &server)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("Port {port} cannot be listened on"))?;
    let redirect_uri = format!("http://{}{CALLBACK}", listener.local_addr()?);
    let scopes: Vec<_> =
        scopes.iter().flat_map(|it| it.split_whitespace()).map(str::to_owned).collect();
    let login = Login::begin(settings, &config.mcp, vault, &redirect_uri, &scopes).await?;
    writeln!(
        stderr(),
        "Open this address in a browser, and sign in. If the browser then finds nothing, because it is on another machine, paste the address that it shows here:"
    )?;
    // The link alone, so that a script can take it.
    writeln!(stdout(), "{}", login.link())?;
    stdout().flush()?;
    let came_back = async {
        tokio::select! {
            came_back = called(&listener, &login) => came_back,
            query = pasted(&login) => Ok(CameBack { query, browser: None }),
        }
    };
    let came_back = timeout(PATIENCE, came_back).await;
    let CameBack { query, browser } =
        came_back.map_err(|_| anyhow!("Nobody signed in within ten minutes; try again"))??;
    let finished = login.finish(&query).await;
    let told = match &finished {
        Ok(_) => "Signed in. This page can be closed.".to_owned(),
        Err(error) => format!("Not signed in: {error}."),
    };
    if let Some(browser) = browser {
        answer(browser, "200 OK", &told).await;
    }
    let scopes = finished?;
    let granted =
        if scopes.is_empty() { String::new() } else { format!(", for {}", scopes.join(" ")) };
    Ok(writeln!(stderr(), "Signed in at {server}{granted}")?)
}

async fn vault(config: &ToolsConfig) -> anyhow::Result<TokenVault> {
    let Some(key) = config.token_key.clone() else {
        bail!(
            "TOKEN_KEY is not set, so a sign-in cannot be kept; set it to what `openssl rand -hex 32` prints, here and for the server"
        );
    };
    if config.store.url == "memory" {
        bail!(
            "DATABASE_URL is memory, so a sign-in would be lost with this command; name a database"
        );
    }
    let opened = store::open(&config.store).await.context("DATABASE_URL cannot be used")?;
    Ok(TokenVault::new(opened.tokens, key))
}

fn find<'a>(config: &'a ToolsConfig, name: &str) -> anyhow::Result<&'a ServerSettings> {
    if let Some(server) = config.mcp.servers.iter().find(|server| server.name == name) {
        return Ok(server);
    }
    let fault = config.mcp.faults.iter().find(|it| it.server.as_deref() == Some(name));
    Err(fault.map_or_else(
        || anyhow!("There is no server of this name that is used; `MCP_CONFIG` names them"),
        |fault| anyhow!("MCP_CONFIG: {fault}"),
    ))
}

/// Waits for the browser. Whatever else asks is turned away: anything on this machine may.
async fn called(listener: &TcpListener, login: &Login) -> anyhow::Result<CameBack> {
    loop {
        let (mut browser, _) = listener.accept().await.context("The port was lost")?;
        let head = timeout(REQUEST_TIMEOUT, head(&mut browser)).await.ok().flatten();
        let query = head.as_deref().and_then(query_of).filter(|it| login.is_answered_by(it));
        match query.map(str::to_owned) {
            Some(query) => return Ok(CameBack { query, browser: Some(browser) }),
            None => answer(browser, "404 Not Found", "This is no answer to the sign-in.").await,
        }
    }
}

/// Waits until the operator pastes the address at which a browser on another machine ended.
async fn pasted(login: &Login) -> String {
    let mut lines = BufReader::new(stdin().take(MAX_PASTED)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let query = line.trim().split_once('?').map(|(_, query)| query);
        if let Some(query) = query.filter(|it| login.is_answered_by(it)) {
            return query.to_owned();
        }
        drop(writeln!(stderr(), "This is no answer to the sign-in; paste the whole address"));
    }
    // Nobody is there who could paste.
    std::future::pending().await
}

/// The head of a request; `None` if it is none.
async fn head(browser: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if browser.read_buf(&mut head).await.ok()? == 0 || head.len() > MAX_HEAD {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

fn query_of(head: &str) -> Option<&str> {
    let path = head.strip_prefix("GET ")?.split(' ').next()?;
    path.strip_prefix(CALLBACK)?.strip_prefix('?')
}

/// Nobody depends on it: the result is told in the terminal as well.
async fn answer(mut browser: TcpStream, status: &str, words: &str) {
    let length = words.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{words}"
    );
    let written = async {
        browser.write_all(answer.as_bytes()).await?;
        browser.shutdown().await
    };
    drop(timeout(REQUEST_TIMEOUT, written).await);
}
