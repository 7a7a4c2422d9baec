//! Where the server listens, and at which URL people reach it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::address::{origin_fault, plain_url};
use super::env::Env;
use super::variables::{ADMIN_ADDR, ALLOWED_HOSTS, ALLOWED_ORIGINS, HOST, PORT, PUBLIC_URL};
use crate::api::{Hosts, Origins};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A name, or an address without brackets.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl Listen {
    /// The URL for a browser on this machine.
    pub fn url(&self) -> String {
        let port = self.port;
        match self.host.parse::<IpAddr>() {
            // An unspecified address is one to listen on, not one to call.
            Ok(address) if address.is_unspecified() => format!("http://127.0.0.1:{port}"),
            Ok(IpAddr::V6(address)) => format!("http://[{address}]:{port}"),
            Ok(IpAddr::V4(_)) | Err(_) => format!("http://{}:{port}", self.host),
        }
    }

    /// Whether only this machine reaches it.
    pub(super) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

pub(super) fn listen(env: &mut Env) -> Listen {
    let host = env.text(&HOST).unwrap_or_default();
    // An IPv6 address may be written with brackets, as in a URL.
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.filter(|bare| bare.parse::<Ipv6Addr>().is_ok()).unwrap_or(&host);
    if bare.parse::<IpAddr>().is_err() && !is_name(bare) {
        env.fault(HOST.name, "must be an address or a name of this machine, without port or path");
    }
    let port = env.parsed(&PORT, "must be a port number from 0 to 65535", |_: &u16| true);
    Listen { host: bare.to_owned(), port: port.unwrap_or_default() }
}

/// Where operators and their probes are served (ADR 33).
pub(super) fn admin(env: &mut Env) -> Option<SocketAddr> {
    let expected = "must be an address of this machine and a port, such as 127.0.0.1:8001";
    env.parsed(&ADMIN_ADDR, expected, |_: &SocketAddr| true)
}

pub(super) fn is_name(host: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !host.is_empty() && host.chars().all(fine)
}

pub(super) fn public_url(env: &mut Env) -> Option<String> {
    let url = env.text(&PUBLIC_URL)?;
    if plain_url(&url).is_none() {
        env.fault(PUBLIC_URL.name, "must be an http or https URL without user, query or fragment");
    }
    Some(url)
}

/// The names under which the server answers.
pub(super) fn hosts(env: &mut Env, listen: &Listen) -> Hosts {
    let mut names = env.list(&ALLOWED_HOSTS);
    if names.iter().any(|name| name == "*") {
        return Hosts::Any;
    }
    for (place, name) in names.iter().enumerate() {
        if !is_name(name) {
            let what = "is no host name; leave out scheme, port and path";
            env.fault(ALLOWED_HOSTS.name, format!("has a fault in entry {}: it {what}", place + 1));
        }
    }
    let public = env.text(&PUBLIC_URL).as_deref().and_then(plain_url);
    names.extend(public.and_then(|url| url.host_str().map(str::to_owned)));
    names.push(listen.host.clone());
    Hosts::Named(names)
}

pub(super) fn origins(env: &mut Env, listen: &Listen) -> Origins {
    let named = env.list(&ALLOWED_ORIGINS);
    for (place, origin) in named.iter().enumerate() {
        if let Some(fault) = origin_fault(origin) {
            env.fault(ALLOWED_ORIGINS.name, format!("has a fault in entry {}: {fault}", place + 1));
        }
    }
    // If only this machine reaches the server, any page that it serves itself may call it.
    if listen.is_loopback() { Origins::LoopbackAnd(named) } else { Origins::Exactly(named) }
}
