//! Who may work on what: one holder at a time, across all processes that share the store.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::StoreResult;
use crate::domain::ThreadId;

/// A resource whose holder falls silent is free again after this time.
pub const LEASE: Duration = Duration::from_secs(12);

/// The rights to work on things. Time is the store's clock, so processes need not agree on it.
pub trait Leases: Send + Sync {
    /// Takes a resource, unless somebody holds it.
    fn claim<'a>(&'a self, resource: &'a Resource) -> BoxFuture<'a, StoreResult<Claim>>;

    /// Goes on holding all of these; gives those that are still held.
    fn renew<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, StoreResult<Vec<Resource>>>;

    /// Lets a resource go; one that is no longer held is left alone.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, StoreResult<()>>;
}

/// Something that only one may work on at a time, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource(String);

/// The right to work on a resource. A later holder's is higher, and then this one counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// On what.
    pub resource: Resource,
    /// Which holder.
    pub epoch: i64,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The resource is ours.
    Held(Lease),
    /// Somebody else holds it.
    Taken,
    /// There is no such resource.
    Unknown,
}

impl Resource {
    /// The id as it is kept.
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
