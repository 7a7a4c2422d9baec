//! Effects of tools, recorded before and after each call (ADR 12).

use futures::future::BoxFuture;

use super::{Lease, Resource, StoreResult};
use base::domain::ItemId;

/// The journal of effects. All writes need a valid lease, except a conclusion.
pub trait Journal: Send + Sync {
    /// Records that a call is about to be made, or returns what is known of it.
    fn intend<'a>(
        &'a self,
        lease: &'a Lease,
        effect: &'a NewEffect,
    ) -> BoxFuture<'a, StoreResult<Known>>;

    /// Records the tool's answer.
    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Removes an effect that was refused or not made, so that it may be tried again.
    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, StoreResult<()>>;

    /// All effects for a message, in order.
    fn effects<'a>(
        &'a self,
        resource: &'a Resource,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<DoneEffect>>>;
}

/// A call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// The message it is done for: the one that a user would retry.
    pub root: ItemId,
    /// The key of the call; the same when a later try makes the call again.
    pub key: String,
    pub tool: String,
    /// As the model wrote them.
    pub arguments: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing. It is recorded now.
    New,
    /// An earlier try began it; whether it was done is unknown.
    Begun,
    /// It was done; this is the tool's answer.
    Done(String),
}

/// A call that was made or begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneEffect {
    pub effect: NewEffect,
    /// The tool's answer; `None` if the outcome is unknown.
    pub output: Option<String>,
}
