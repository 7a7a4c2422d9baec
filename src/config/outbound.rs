//! Which networks may be reached (ADR 31).

use outbound::{Outbound, ReachableNetworks, url_fault};
use reqwest::Url;

use super::env::Env;
use super::variables::BLOCK_PRIVATE_NETWORKS;

pub(super) fn outbound(env: &mut Env) -> Outbound {
    Outbound::to(networks(env))
}

/// Notes what speaks against a URL that a variable holds, in itself or for `what` in it.
pub(super) fn check_url(env: &mut Env, name: &str, what: &str, url: &Url) {
    if let Some(fault) = url_fault(url, networks(env)) {
        env.fault(name, format!("{what}{fault}"));
    }
}

pub(super) fn networks(env: &mut Env) -> ReachableNetworks {
    let words = [("true", ReachableNetworks::Public), ("false", ReachableNetworks::All)];
    env.word(&BLOCK_PRIVATE_NETWORKS, &words).unwrap_or_default()
}
