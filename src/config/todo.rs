//! The bundled todo server.

use std::net::SocketAddr;

use ::todo::{Settings, read_tokens};

use super::env::Env;
use super::file::of_file;
use super::load::database;
use super::variables::{TODO_ALLOWED_HOSTS, TODO_DATABASE_URL, TODO_TOKENS_FILE};

pub(super) fn todo(env: &mut Env) -> Settings {
    let database_url = database(env, &TODO_DATABASE_URL);
    Settings { database_url, allowed_hosts: env.list(&TODO_ALLOWED_HOSTS), tokens: None }
}

/// The same with the tokens of its callers, which only a server at an address needs.
pub(super) fn todo_at(env: &mut Env, http: Option<SocketAddr>) -> Settings {
    let settings = todo(env);
    let Some(address) = http else { return settings };
    let Some(path) = env.text(&TODO_TOKENS_FILE) else {
        // A proxy in front of a loopback address is not seen, but its name is.
        if !address.ip().is_loopback() || !settings.allowed_hosts.is_empty() {
            let fault = "must name a file of tokens, because others can reach the address of \
                         --http; or let --http listen on 127.0.0.1, without TODO_ALLOWED_HOSTS";
            env.fault(TODO_TOKENS_FILE.name, fault);
        }
        return settings;
    };
    Settings { tokens: of_file(env, &TODO_TOKENS_FILE, &path, read_tokens), ..settings }
}
