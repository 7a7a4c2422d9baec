//! Which host names this server answers to. A page on the internet can point a name of its own at a
//! private address; the name then gives it away (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Whatever a request names: a proxy in front checks it.
    Any,
    /// These names, `localhost`, and every address: an address cannot be pointed elsewhere.
    Named(Vec<String>),
}

impl Hosts {
    /// Whether a request came under one of our names. One without a host is not a browser's.
    pub(crate) fn know(&self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        let Some(host) = named.next() else { return true };
        // Of several, a proxy in front might go by another.
        named.next().is_none() && self.answers_to(host.to_str().unwrap_or_default())
    }

    fn answers_to(&self, host: &str) -> bool {
        let Self::Named(names) = self else { return true };
        let name = without_port(host).trim_end_matches('.');
        let is_address = || {
            let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            name.parse::<IpAddr>().is_ok()
                || bare.is_some_and(|bare| bare.parse::<Ipv6Addr>().is_ok())
        };
        let is_named = |known: &String| known.eq_ignore_ascii_case(name);
        name.eq_ignore_ascii_case("localhost") || is_address() || names.iter().any(is_named)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Within brackets a colon is a part of the address.
        Some((name, port)) if !port.contains(']') => name,
        Some(_) | None => host,
    }
}
