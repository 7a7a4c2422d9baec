//! The two ports of the agent loop: a model, and tools.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Deltas, Interrupt, ModelError, Progress, SeenImage, ToolError};
use crate::domain::{Caller, Catalog, Message, Reply, Resumption, Tool, ToolCall, ToolOutput};

pub trait Model: Send + Sync {
    /// Answers the transcript and passes each piece to `deltas` as it comes.
    ///
    /// A reply that is not complete is an error, whatever was shown of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the upstream request.
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The ids of the models that can be chosen, the default first.
    fn choices(&self) -> &[Arc<str>] {
        &[]
    }

    /// How long calls are refused immediately, without being sent; `None` if they are not. Asked
    /// instead of a call, so a refusal is counted like that of a call.
    fn refuses_for(&self) -> Option<Duration>;
}

pub trait Tools: Send + Sync {
    /// These tools for one turn, under which no server is taken away or put in the place of another
    /// while it is held (ADR 37). `None` if that never happens.
    fn for_turn(&self) -> Option<Arc<dyn Tools>> {
        None
    }

    /// Waits until every server has connected or failed to, since the start or since it was lost.
    fn settled(&self) -> BoxFuture<'_, ()>;

    fn catalog(&self) -> Arc<Catalog>;

    /// Gives up a call that waits in this process for a person, if it still does (ADR 44).
    fn give_up(&self, ticket: &str);

    /// Runs one call of a tool in the catalog.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop, but the effect may have happened.
    fn call<'a>(&'a self, request: ToolRequest<'a>)
    -> BoxFuture<'a, Result<ToolOutput, ToolError>>;
}

#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    /// The chosen model. `None` or an unknown id means the default.
    pub model: Option<&'a str>,
    pub system: &'a str,
    pub messages: &'a [Message],
    /// Images of the tools of this turn (ADR 48).
    pub images: &'a [SeenImage],
    pub tools: &'a [Tool],
    /// When the whole turn must be over.
    pub deadline: Instant,
}

#[derive(Clone, Copy, Debug)]
pub struct ToolRequest<'a> {
    /// As the model wrote it.
    pub call: &'a ToolCall,
    /// The user for whom it is made.
    pub caller: &'a Caller,
    /// The same for every try of one effect: a server that honours keys does it once (ADR 12).
    pub key: Option<&'a str>,
    /// When the whole turn must be over.
    pub deadline: Instant,
    /// Once it is raised, a call that was not sent yet is not sent.
    pub interrupt: &'a Interrupt,
    pub progress: &'a Progress,
    /// What its server asked for and now gets (ADR 44).
    pub resumed: Option<&'a Resumption>,
}
