//! The ways out of this process, for models, MCP servers and the keys of an issuer: which addresses
//! may be reached, and where a redirect may lead (ADR 31).
//!
//! Every URL is the operator's, and none contains anything that a caller or a model wrote. But a
//! name leads wherever its DNS says at the moment of a connection, so addresses are checked there.

mod client;
mod names;
mod networks;
mod policy;
mod urls;

pub use client::{Outbound, within_origin};
pub use names::{LookedUp, Names};
pub use networks::{Network, network_of};
pub use policy::{NotAllowed, ReachableNetworks, allowed};
pub use urls::{is_here, url_fault};
