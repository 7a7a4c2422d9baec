//! Who may work on a resource: one holder at a time, across all processes that share the store
//! (ADR 23).

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::StoreResult;
use base::domain::{Owner, ThreadId};

/// A resource whose holder does not renew its lease is free after this time. Three renewals fit in.
/// A thread stays blocked for so long after its process died (ADR 11).
pub const LEASE: Duration = Duration::from_secs(12);

/// Leases on resources. Time is the store's clock, so the clocks of processes need not agree.
pub trait Leases: Send + Sync {
    /// Takes a resource unless it is held. That of another owner is unknown (ADR 29).
    fn claim<'a>(
        &'a self,
        owner: &'a Owner,
        resource: &'a Resource,
    ) -> BoxFuture<'a, StoreResult<Claim>>;

    /// Renews all of these; returns the resources that are still held.
    fn renew<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, StoreResult<Vec<Resource>>>;

    /// Releases a resource. Does nothing if the lease is no longer valid.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, StoreResult<()>>;
}

/// Something that only one holder may work on at a time, by its id. A thread is one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource(String);

/// The right to work on a resource. A later holder has a higher epoch, and writes with this one are
/// then rejected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub resource: Resource,
    pub epoch: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Held(Lease),
    Taken,
    Unknown,
}

impl Resource {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ThreadId> for Resource {
    fn from(thread: &ThreadId) -> Self {
        Self(thread.as_str().to_owned())
    }
}

impl From<String> for Resource {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
