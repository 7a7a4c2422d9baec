//! What was done in the world: written down before and after (ADR 12).

use futures::future::BoxFuture;

use super::{Lease, Resource, StoreResult};
use crate::domain::ItemId;

/// What was done in the world for a message: written down before and after.
pub trait Journal: Send + Sync {
    /// Writes down that something is about to be done, or tells what is known of it.
    fn intend<'a>(
        &'a self,
        lease: &'a Lease,
        effect: &'a NewEffect,
    ) -> BoxFuture<'a, StoreResult<Known>>;

    /// Writes down how it ended.
    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Strikes out what was not done after all.
    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, StoreResult<()>>;

    /// Everything done or begun for a message, in order.
    fn effects<'a>(
        &'a self,
        resource: &'a Resource,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<DoneEffect>>>;
}

/// Something about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// The message it is done for: the one that a person would retry.
    pub root: ItemId,
    /// The same for the same call, whoever tries it again.
    pub key: String,
    /// The tool.
    pub tool: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
}

/// What is known of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is written down now.
    New,
    /// An earlier holder began it; whether it was done is unknown.
    Begun,
    /// It was done; the tool's answer.
    Done(String),
}

/// Something that was done, or begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneEffect {
    /// As it was planned.
    pub effect: NewEffect,
    /// The tool's answer, if it came.
    pub output: Option<String>,
}
