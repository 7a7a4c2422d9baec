//! What can be said of a URL before anything is sent.

use std::net::IpAddr;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Url;

use super::policy::ReachableNetworks;

/// Names of metadata services. Their addresses are refused too, but behind a proxy the names are all
/// that is seen.
const METADATA: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Whether a URL leads to this machine, as far as it says so itself.
pub fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    is_localhost(host) || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What speaks against a URL already at the start; `None` if nothing does.
pub fn url_fault(url: &Url, networks: ReachableNetworks) -> Option<&'static str> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    if METADATA.contains(&host) {
        return Some("names a metadata service; if that is meant, write its address");
    }
    let is_checked = networks == ReachableNetworks::Public;
    (is_checked && proxy_of(url).is_some()).then_some(
        "is reached through a proxy, which looks up names by itself, so BLOCK_PRIVATE_NETWORKS=true \
         cannot hold: name its host in NO_PROXY, or leave that check to the proxy",
    )
}

/// The proxy of the environment for a URL. None for this machine: the proxy would look on its own.
pub(crate) fn proxy_of(url: &Url) -> Option<Intercept> {
    let uri = url.as_str().parse().ok().filter(|_| !is_here(url))?;
    Matcher::from_env().intercept(&uri)
}

/// Such names are this machine's, whatever a name server says (RFC 6761).
pub(crate) fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}
