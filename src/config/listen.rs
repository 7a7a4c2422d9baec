//! Where the server listens, and where people find it.

use std::net::IpAddr;

use super::env::Env;
use super::variables::{ALLOWED_ORIGINS, HOST, PORT};
use crate::api::Origins;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A name or an address.
    pub host: String,
    /// A port; 0 lets the system choose.
    pub port: u16,
}

impl Listen {
    /// Where a browser on this machine finds it.
    pub fn url(&self) -> String {
        let any = matches!(self.host.as_str(), "0.0.0.0" | "::" | "[::]");
        let host = if any { "127.0.0.1" } else { &self.host };
        format!("http://{host}:{}", self.port)
    }

    fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

pub(super) fn listen(env: &mut Env) -> Listen {
    let host = env.text(&HOST).unwrap_or_default();
    let port = env.parsed(&PORT, "must be a port number from 0 to 65535", |_: &u16| true);
    Listen { host, port: port.unwrap_or_default() }
}

pub(super) fn origins(env: &mut Env, listen: &Listen) -> Origins {
    let named = env.list(&ALLOWED_ORIGINS);
    let is_local = named.is_empty() && listen.is_loopback();
    if is_local { Origins::Loopback } else { Origins::Exactly(named) }
}
