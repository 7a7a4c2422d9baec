//! The tool servers.

use std::time::Duration;

use super::address::http_url;
use super::env::Env;
use super::guard::guard;
use super::outbound::{check_url, outbound};
use super::servers_file::ServersFile;
use super::variables::{
    MCP_BREAKER_FAILURES, MCP_BREAKER_SECONDS, MCP_CONFIG, MCP_PIN, MCP_SERVER_ARGS,
    MCP_SERVER_COMMAND, MCP_SERVER_URL, MCP_TIMEOUT_SECONDS, TOKEN_KEY, Variable,
};
use crate::mcp::{self, SealingKey, ServerList, ServerSettings, Transport};

/// The variables that choose servers; only one of them may be set.
const WAYS: [&Variable; 3] = [&MCP_CONFIG, &MCP_SERVER_URL, &MCP_SERVER_COMMAND];

/// The name of a server that was configured without one.
const ONLY: &str = "mcp";

/// The servers, and the file that lists them if there is one.
pub(super) fn tools(env: &mut Env) -> (mcp::Settings, Option<ServersFile>) {
    let (ServerList { servers, faults, warnings }, file) = servers(env);
    let settings = mcp::Settings {
        servers,
        faults,
        warnings,
        call_timeout: env.seconds(&MCP_TIMEOUT_SECONDS),
        connect_timeout: Duration::from_secs(15),
        guard: guard(env, &MCP_BREAKER_FAILURES, &MCP_BREAKER_SECONDS),
        pace: mcp::Pace::default(),
        outbound: outbound(env),
        pins: None,
        vault: None,
        public_url: String::new(),
    };
    (settings, file)
}

/// Whether definitions of tools are pinned. `app` says where.
pub(super) fn pins_tools(env: &mut Env) -> bool {
    env.word(&MCP_PIN, &[("on", true), ("off", false)]).unwrap_or(true)
}

/// What seals the operator's sign-ins in the database (ADR 42).
pub(super) fn token_key(env: &mut Env) -> Option<SealingKey> {
    let text = env.text(&TOKEN_KEY)?;
    let key = SealingKey::read(&text);
    if key.is_none() {
        let expected = "must be 64 hexadecimal digits, as `openssl rand -hex 32` prints";
        env.fault(TOKEN_KEY.name, expected);
    }
    key
}

/// Whether no variable chooses servers. An empty list of servers is a choice.
pub(super) fn names_no_server(env: &mut Env) -> bool {
    WAYS.iter().all(|way| env.text(way).is_none())
}

fn servers(env: &mut Env) -> (ServerList, Option<ServersFile>) {
    let set: Vec<_> =
        WAYS.iter().filter(|way| env.text(way).is_some()).map(|way| way.name).collect();
    if set.len() > 1 {
        env.fault(&set.join(" and "), "exclude each other; set one of them");
    }
    if env.text(&MCP_SERVER_ARGS).is_some() && env.text(&MCP_SERVER_COMMAND).is_none() {
        env.fault(MCP_SERVER_ARGS.name, "does nothing without MCP_SERVER_COMMAND");
    }
    if let Some(path) = env.text(&MCP_CONFIG) {
        let file = ServersFile::new(env, path);
        // A fault of one server costs that server alone (ADR 37).
        let list = file.read().unwrap_or_else(|fault| {
            env.fault(MCP_CONFIG.name, format!("names a file with faults: {fault}"));
            ServerList::default()
        });
        return (list, Some(file));
    }
    let servers = only(env).map(|transport| ServerSettings::new(ONLY, transport));
    (ServerList { servers: servers.into_iter().collect(), ..ServerList::default() }, None)
}

/// The one server that variables describe.
fn only(env: &mut Env) -> Option<Transport> {
    if let Some(url) = env.text(&MCP_SERVER_URL) {
        match http_url(&url) {
            Some(url) => check_url(env, MCP_SERVER_URL.name, "", &url),
            None => env.fault(MCP_SERVER_URL.name, "must be an http or https URL"),
        }
        return Some(Transport::Http { url, headers: Vec::new() });
    }
    let command = env.text(&MCP_SERVER_COMMAND)?;
    Some(Transport::Child { command, args: arguments(env), env: Vec::new(), cwd: None })
}

fn arguments(env: &mut Env) -> Vec<String> {
    let text = env.text(&MCP_SERVER_ARGS).unwrap_or_default();
    if !text.starts_with('[') {
        return text.split_whitespace().map(str::to_owned).collect();
    }
    serde_json::from_str(&text).unwrap_or_else(|_| {
        let expected = "must be words separated by spaces, or a JSON list of strings";
        env.fault(MCP_SERVER_ARGS.name, expected);
        Vec::new()
    })
}
