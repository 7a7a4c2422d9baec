//! Tools whose effects happen once for a message, however often it is retried (ADR 12).

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::{Known, Lease, NewEffect, Store, ThreadsError};
use base::agents::{Certainty, Finish, Interrupt, ToolError, ToolRequest, Tools};
use base::domain::{CallKey, Catalog, Effect, ItemId, Tool, ToolCall, ToolOutput};

/// The tools of one turn. Before a call that may change something its intent is recorded, and after
/// it the answer. A later try finds both.
pub(crate) struct JournaledTools {
    tools: Arc<dyn Tools>,
    store: Arc<dyn Store>,
    lease: Lease,
    /// All effects belong to this message, also those after a form.
    root: ItemId,
    interrupt: Interrupt,
}

impl JournaledTools {
    pub(crate) fn new(
        tools: Arc<dyn Tools>,
        store: Arc<dyn Store>,
        lease: Lease,
        root: ItemId,
        interrupt: Interrupt,
    ) -> Self {
        Self { tools, store, lease, root, interrupt }
    }

    async fn call_once(
        &self,
        request: ToolRequest<'_>,
        tool: &Tool,
    ) -> Result<ToolOutput, ToolError> {
        let effect = self.effect_of(request.call);
        let known = self.store.intend(&self.lease, &effect).await;
        let was_begun = matches!(known, Ok(Known::Begun));
        match known {
            Ok(Known::Done(output)) => {
                tracing::info!(tool.name = tool.name, "Answered from the journal");
                return Ok(ToolOutput::plain(output, tool.origin.clone()));
            }
            // Unknown whether it was done. Only a server that honours keys may be called again, or
            // one that waits for an answer in the middle of the call (ADR 44).
            Ok(Known::Begun) if !tool.honours_keys && !is_parked(&request) => {
                return Err(ToolError::Begun);
            }
            Ok(Known::New | Known::Begun) => {}
            Err(error) => {
                // Not recorded, so not made: a retry could not know of it.
                self.give_up(&error);
                return Err(ToolError::NotMade);
            }
        }
        let answer = self.tools.call(ToolRequest { key: Some(&effect.key), ..request }).await;
        // That this call was not made says nothing about the try that began it.
        let is_still_unknown = was_begun
            && answer.as_ref().is_err_and(|error| error.certainty() == Certainty::NotMade);
        if !is_still_unknown && let Err(error) = self.note(&effect.key, &answer).await {
            self.give_up(&error);
        }
        answer
    }

    /// An unknown outcome stays begun. What was refused or not made may be tried again.
    async fn note(
        &self,
        key: &str,
        answer: &Result<ToolOutput, ToolError>,
    ) -> Result<(), ThreadsError> {
        let error = match answer {
            Ok(output) => return self.store.conclude(&self.lease, key, &output.text).await,
            Err(error) => error,
        };
        match error.certainty() {
            Certainty::Unknown => Ok(()),
            Certainty::NotMade | Certainty::Refused | Certainty::Asks => {
                self.store.withdraw(&self.lease, key).await
            }
        }
    }

    fn give_up(&self, error: &ThreadsError) {
        tracing::error!(error = error as &dyn std::error::Error, "Effect was not journaled");
        let lost = matches!(error, ThreadsError::Lost);
        self.interrupt.raise(if lost { Finish::Lost } else { Finish::Storage });
    }

    /// The key belongs to the call: an equal call that the model requests again is another effect,
    /// and the same call in a later try is the same effect (ADR 12).
    fn effect_of(&self, call: &ToolCall) -> NewEffect {
        let key = call.key.clone().unwrap_or_else(CallKey::new_key);
        NewEffect {
            root: self.root.clone(),
            key: key.to_string(),
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
        }
    }
}

fn is_parked(request: &ToolRequest<'_>) -> bool {
    request.resumed.is_some_and(|resumed| resumed.continuation.ticket().is_some())
}

impl Tools for JournaledTools {
    fn settled(&self) -> BoxFuture<'_, ()> {
        self.tools.settled()
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.tools.catalog()
    }

    fn give_up(&self, ticket: &str) {
        self.tools.give_up(ticket);
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        async move {
            let catalog = self.tools.catalog();
            match catalog.find_call(request.call) {
                Some(tool) if tool.effect() != Effect::ReadOnly => {
                    self.call_once(request, tool).await
                }
                Some(_) => self.tools.call(request).await,
                // Its server is gone. If it came back right now, a direct call would bypass the
                // journal.
                None => Err(ToolError::Unavailable),
            }
        }
        .boxed()
    }
}
