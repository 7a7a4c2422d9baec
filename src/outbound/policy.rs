//! Whether an address may be reached. No IO.

use std::error::Error;
use std::net::IpAddr;

use super::networks::{Network, network_of};
use super::urls::is_localhost;

/// The networks that names may lead into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReachableNetworks {
    /// All but link-local ones and metadata services.
    #[default]
    All,
    /// Public ones only: `BLOCK_PRIVATE_NETWORKS=true`.
    Public,
}

/// Why no connection is made. Contains no address and no name: those may be known to the operator
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error(
        "its host leads to a link-local or metadata address; if that is meant, write the address itself into the URL"
    )]
    LinkLocal,
    #[error(
        "its host leads into a private network, which BLOCK_PRIVATE_NETWORKS=true refuses; if that is meant, write the address itself into the URL"
    )]
    Private,
}

/// Whether a connection may be made to an address of `host`, which is a name or an address as it is
/// in the operator's URL. Whoever writes an address means it: only names can be made to lead
/// elsewhere.
pub fn allowed(address: IpAddr, host: &str, networks: ReachableNetworks) -> Result<(), NotAllowed> {
    let is_named = host.parse() == Ok(address);
    let is_meant = is_named || (is_localhost(host) && address.is_loopback());
    match network_of(address) {
        Network::LinkLocal if !is_meant => Err(NotAllowed::LinkLocal),
        Network::Private if !is_meant && networks == ReachableNetworks::Public => {
            Err(NotAllowed::Private)
        }
        Network::Public | Network::Private | Network::LinkLocal => Ok(()),
    }
}

impl NotAllowed {
    /// Whether an error is this, or was caused by it.
    pub fn find_in(error: &(dyn Error + 'static)) -> Option<Self> {
        let causes = std::iter::successors(Some(error), |&error| error.source());
        causes.filter_map(|cause| cause.downcast_ref()).copied().next()
    }
}
