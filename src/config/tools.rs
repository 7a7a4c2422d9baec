//! The tool servers.

use std::time::Duration;

use super::address::http_url;
use super::env::Env;
use super::file::of_file;
use super::guard::guard;
use super::outbound::{check_url, outbound};
use super::variables::{
    AUTH_JWKS_URL, AUTH_JWT_SECRET, MCP_BREAKER_FAILURES, MCP_BREAKER_SECONDS, MCP_CONFIG,
    MCP_SERVER_ARGS, MCP_SERVER_COMMAND, MCP_SERVER_URL, MCP_TIMEOUT_SECONDS, Variable,
};
use crate::domain::Trust;
use crate::mcp::{self, ServerSettings, Transport};

/// The variables that choose servers; only one of them may be set.
const WAYS: [&Variable; 3] = [&MCP_CONFIG, &MCP_SERVER_URL, &MCP_SERVER_COMMAND];

/// The name of a server that was configured without one.
const ONLY: &str = "mcp";

pub(super) fn tools(env: &mut Env) -> mcp::Settings {
    mcp::Settings {
        servers: checked_servers(env),
        call_timeout: env.seconds(&MCP_TIMEOUT_SECONDS),
        connect_timeout: Duration::from_secs(15),
        guard: guard(env, &MCP_BREAKER_FAILURES, &MCP_BREAKER_SECONDS),
        pace: mcp::Pace::default(),
        outbound: outbound(env),
    }
}

fn checked_servers(env: &mut Env) -> Vec<ServerSettings> {
    let servers = servers(env);
    let has_tokens = [&AUTH_JWKS_URL, &AUTH_JWT_SECRET].iter().any(|way| env.text(way).is_some());
    for ServerSettings { name, transport, forward_auth, .. } in &servers {
        if *forward_auth && !has_tokens {
            let what = "whose forward_auth does nothing without AUTH_JWKS_URL or AUTH_JWT_SECRET";
            env.fault(MCP_CONFIG.name, format!("has the server {name}, {what}"));
        }
        let Transport::Http { url, .. } = transport else { continue };
        let Some(url) = http_url(url) else { continue };
        if env.text(&MCP_CONFIG).is_some() {
            check_url(env, MCP_CONFIG.name, &format!("has the server {name}, whose url "), &url);
        } else {
            check_url(env, MCP_SERVER_URL.name, "", &url);
        }
    }
    servers
}

/// Whether no variable chooses servers. An empty list of servers is a choice.
pub(super) fn names_no_server(env: &mut Env) -> bool {
    WAYS.iter().all(|way| env.text(way).is_none())
}

fn servers(env: &mut Env) -> Vec<ServerSettings> {
    let set: Vec<_> =
        WAYS.iter().filter(|way| env.text(way).is_some()).map(|way| way.name).collect();
    if set.len() > 1 {
        env.fault(&set.join(" and "), "exclude each other; set one of them");
    }
    if env.text(&MCP_SERVER_ARGS).is_some() && env.text(&MCP_SERVER_COMMAND).is_none() {
        env.fault(MCP_SERVER_ARGS.name, "does nothing without MCP_SERVER_COMMAND");
    }
    if let Some(path) = env.text(&MCP_CONFIG) {
        return of_file(env, &MCP_CONFIG, &path, mcp::read_servers).unwrap_or_default();
    }
    let transport = if let Some(url) = env.text(&MCP_SERVER_URL) {
        if http_url(&url).is_none() {
            env.fault(MCP_SERVER_URL.name, "must be an http or https URL");
        }
        Transport::Http { url, headers: Vec::new() }
    } else if let Some(command) = env.text(&MCP_SERVER_COMMAND) {
        let args = arguments(env);
        Transport::Child { command, args, env: Vec::new() }
    } else {
        return Vec::new();
    };
    let (name, trust) = (ONLY.to_owned(), Trust::Trusted);
    vec![ServerSettings { name, transport, trust, tell_owner: false, forward_auth: false }]
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
