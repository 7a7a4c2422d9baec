//! The file of `MCP_CONFIG`: read at the start, and again when the operator asks for it (ADR 37).

use std::fs::File;
use std::io::Read;

use outbound::{ReachableNetworks, url_fault};

use super::address::http_url;
use super::env::Env;
use super::outbound::networks;
use super::variables::{AUTH_JWKS_URL, AUTH_JWT_SECRET, TOKEN_KEY};
use crate::mcp::{
    ServerFault, ServerList, ServerSettings, SignInBy, Transport, Variables, read_servers,
};

const MAX_BYTES: u64 = 1024 * 1024;

const NO_TOKENS: &str =
    r#""forward_auth" does nothing without AUTH_JWKS_URL or AUTH_JWT_SECRET; set one of them"#;

const NO_KEY: &str =
    r#"a "sign_in" of callers needs TOKEN_KEY, which seals it; `openssl rand -hex 32` makes one"#;

/// What reading it takes. The environment does not change while the process runs.
#[derive(Clone, Debug)]
pub struct ServersFile {
    path: String,
    variables: Variables,
    networks: ReachableNetworks,
    /// Whether callers may have tokens that can be passed on.
    knows_tokens: bool,
    /// Whether sign-ins can be kept.
    has_token_key: bool,
}

impl ServersFile {
    pub(super) fn new(env: &mut Env, path: String) -> Self {
        let ways = [&AUTH_JWKS_URL, &AUTH_JWT_SECRET];
        let knows_tokens = ways.iter().any(|way| env.text(way).is_some());
        let has_token_key = env.text(&TOKEN_KEY).is_some();
        let (variables, networks) = (env.variables(), networks(env));
        Self { path, variables, networks, knows_tokens, has_token_key }
    }

    /// What it says now. An error is a fault of the whole file; those of single servers are in the
    /// list.
    pub fn read(&self) -> Result<ServerList, ServerFault> {
        let text = self.text().map_err(ServerFault::whole)?;
        let mut list = read_servers(&text, &self.variables)?;
        let faults: Vec<_> = list.servers.iter().flat_map(|it| self.faults_of(it)).collect();
        for fault in faults {
            list.refuse(fault);
        }
        Ok(list)
    }

    /// The same while the server runs. A pipe was emptied at the start, or would never end.
    pub fn read_again(&self) -> Result<ServerList, ServerFault> {
        if std::fs::metadata(&self.path).is_ok_and(|file| !file.is_file()) {
            let problem = "it is no file that can be read twice; name a regular file";
            return Err(ServerFault::whole(problem));
        }
        self.read()
    }

    fn text(&self) -> Result<String, String> {
        let mut text = String::new();
        let read = File::open(&self.path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| format!("it cannot be read: {error}"))?;
        if text.len() as u64 > MAX_BYTES {
            return Err("it is larger than 1 MiB".to_owned());
        }
        Ok(text)
    }

    /// What speaks against a server in the other settings.
    fn faults_of(&self, server: &ServerSettings) -> Vec<ServerFault> {
        let ServerSettings { name, transport, forward_auth, sign_in, .. } = server;
        let tokens = (*forward_auth && !self.knows_tokens)
            .then(|| ServerFault::of(name, "forward_auth", NO_TOKENS));
        let key = (*sign_in == SignInBy::Caller && !self.has_token_key)
            .then(|| ServerFault::of(name, "sign_in", NO_KEY));
        let url = match transport {
            Transport::Http { url, .. } => http_url(url),
            Transport::Child { .. } => None,
        };
        let address = url.and_then(|url| url_fault(&url, self.networks));
        let address = address.map(|it| ServerFault::of(name, "url", format!(r#""url" {it}"#)));
        tokens.into_iter().chain(key).chain(address).collect()
    }
}
