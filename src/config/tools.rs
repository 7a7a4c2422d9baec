//! Which tool servers there are.

use std::time::Duration;

use super::env::Env;
use super::file::of_file;
use super::guard::guard;
use super::variables::{
    MCP_BREAKER_FAILURES, MCP_BREAKER_SECONDS, MCP_CONFIG, MCP_SERVER_ARGS, MCP_SERVER_COMMAND,
    MCP_SERVER_URL, MCP_TIMEOUT_SECONDS,
};
use crate::domain::Trust;
use crate::mcp::{self, ServerSettings, Transport};

/// The name of a server that has none of its own.
const ONLY: &str = "mcp";

pub(super) fn tools(env: &mut Env) -> mcp::Settings {
    mcp::Settings {
        servers: servers(env),
        call_timeout: env.seconds(&MCP_TIMEOUT_SECONDS),
        connect_timeout: Duration::from_secs(15),
        guard: guard(env, &MCP_BREAKER_FAILURES, &MCP_BREAKER_SECONDS),
        pace: mcp::Pace::default(),
    }
}

/// The operator's own servers; none means the bundled one.
fn servers(env: &mut Env) -> Vec<ServerSettings> {
    let ways = [&MCP_CONFIG, &MCP_SERVER_URL, &MCP_SERVER_COMMAND];
    let set = ways.into_iter().filter(|way| env.text(way).is_some()).map(|way| way.name);
    let set: Vec<_> = set.collect();
    if set.len() > 1 {
        env.fault(&set.join(" and "), "exclude each other; set one of them");
    }
    if let Some(path) = env.text(&MCP_CONFIG) {
        return of_file(env, &MCP_CONFIG, &path, mcp::read_servers).unwrap_or_default();
    }
    let transport = match (env.text(&MCP_SERVER_URL), env.text(&MCP_SERVER_COMMAND)) {
        (Some(url), _) => Transport::Http { url, headers: Vec::new() },
        (None, Some(command)) => {
            let args = arguments(env);
            Transport::Child { command, args, env: Vec::new() }
        }
        (None, None) => return Vec::new(),
    };
    vec![ServerSettings { name: ONLY.to_owned(), transport, trust: Trust::Trusted }]
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
