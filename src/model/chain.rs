//! Asks several models in order until one answers (ADR 15). Retries of one model are the adapter's.

use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use super::adapter::OpenAiModel;
use base::agents::{Deltas, Model, ModelError, ModelRequest};
use base::domain::{Dependency, HealthProbe, Reply};

/// A model and its fallbacks.
pub struct Chain {
    first: Named,
    fallbacks: Vec<Named>,
    ids: Vec<Arc<str>>,
}

/// A model under the name that users read and choose.
type Named = (Arc<str>, Arc<OpenAiModel>);

impl Chain {
    pub fn new(first: Arc<OpenAiModel>, fallbacks: Vec<(Arc<str>, Arc<OpenAiModel>)>) -> Self {
        let first = (first.id(), first);
        let ids = once(&first).chain(&fallbacks).map(|(id, _)| Arc::clone(id)).collect();
        Self { first, fallbacks, ids }
    }

    /// Checks each model once and warns about an announced end or a provider that does not list it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the check.
    pub async fn inspect(&self) {
        join_all(self.models().map(|(_, model)| model.inspect())).await;
    }

    /// Goes to the next model only while nothing was shown and the answer was not refused (ADR 15).
    async fn reply_by_any(
        &self,
        request: ModelRequest<'_>,
        deltas: &Deltas,
    ) -> Result<Reply, ModelError> {
        let (chosen, model) = self.chosen(request.model);
        let mut result = model.reply(request, deltas).await;
        for (_, other) in self.models().filter(|(id, _)| id != chosen) {
            let Err(error) = &result else { break };
            if deltas.has_spoken() || !another_may_answer(error) {
                break;
            }
            let name = other.speaker();
            tracing::warn!(%error, gen_ai.fallback = %name, "Asking another model");
            result = other.reply(request, &deltas.spoken_by(&name)).await;
        }
        result
    }

    fn chosen(&self, id: Option<&str>) -> &Named {
        let found = id.and_then(|id| self.models().find(|(known, _)| **known == *id));
        found.unwrap_or(&self.first)
    }

    fn models(&self) -> impl Iterator<Item = &Named> {
        once(&self.first).chain(&self.fallbacks)
    }
}

impl Model for Chain {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        self.reply_by_any(request, deltas).boxed()
    }

    fn choices(&self) -> &[Arc<str>] {
        &self.ids
    }

    /// Refuses only while all models would (ADR 15).
    fn refuses_for(&self) -> Option<Duration> {
        let fallbacks = self.fallbacks.iter().map(|(_, model)| model.refused_for());
        let wait =
            fallbacks.fold(self.first.1.refused_for(), |least, wait| Some(least?.min(wait?)));
        wait.inspect(|_| self.models().for_each(|(_, model)| model.turn_away()))
    }
}

impl HealthProbe for Chain {
    fn report(&self) -> Vec<Dependency> {
        self.models().flat_map(|(_, model)| model.report()).collect()
    }
}

fn another_may_answer(error: &ModelError) -> bool {
    match error {
        ModelError::Unavailable { .. }
        | ModelError::Misconfigured
        | ModelError::Unoffered(_)
        | ModelError::Spent(_)
        | ModelError::TimedOut(_)
        | ModelError::Empty
        | ModelError::Malformed
        | ModelError::Truncated
        | ModelError::Failed(_) => true,
        // These are answers: another model must not be asked to get around them (ADR 15).
        ModelError::Blocked(_) | ModelError::TooLong => false,
    }
}
