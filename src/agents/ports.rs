//! What the loop needs from the outside, and nothing more.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Deltas, ModelError, Progress, ToolError};
use crate::domain::{Caller, Catalog, Message, Reply, Tool, ToolCall, ToolOutput};

/// A chat model.
pub trait Model: Send + Sync {
    /// Answers the transcript, saying each piece to `deltas` as it comes.
    ///
    /// Every reply that is not whole is an error, whatever was shown of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the upstream request.
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The ids of those that can be asked for, the usual one first.
    fn choices(&self) -> &[Arc<str>] {
        &[]
    }

    /// How long calls are refused at once, without being sent or waited with, if they are. Asked in
    /// place of a call, so a refusal counts like that of a call.
    fn refuses_for(&self) -> Option<Duration>;
}

/// The tools an agent may use.
pub trait Tools: Send + Sync {
    /// Waits until every server has connected or failed to, since the start or since it was lost.
    fn settled(&self) -> BoxFuture<'_, ()>;

    /// What is on offer now.
    fn catalog(&self) -> Arc<Catalog>;

    /// Runs one call of a tool in the catalog.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop, but the effect may have happened.
    fn call<'a>(&'a self, request: ToolRequest<'a>)
    -> BoxFuture<'a, Result<ToolOutput, ToolError>>;
}

/// What a model is asked.
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    /// The id of the one that is asked for; without it, or if it is unknown, the usual one.
    pub model: Option<&'a str>,
    /// Who the model is and what it should know today.
    pub system: &'a str,
    /// The conversation so far.
    pub messages: &'a [Message],
    /// What it may call.
    pub tools: &'a [Tool],
    /// When the whole turn must be over.
    pub deadline: Instant,
}

/// What a tool is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct ToolRequest<'a> {
    /// The call, as the model wrote it.
    pub call: &'a ToolCall,
    /// Who it is asked for.
    pub caller: &'a Caller,
    /// The same for the same effect: a server that honours keys does it only once.
    pub key: Option<&'a str>,
    /// When the whole turn must be over.
    pub deadline: Instant,
    /// Who hears how far it is.
    pub progress: &'a Progress,
}
