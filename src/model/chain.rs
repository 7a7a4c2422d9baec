//! Models in order: whoever comes first and can answers.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::adapter::OpenAiModel;
use crate::agents::{Deltas, Model, ModelError, ModelRequest};
use crate::domain::{Dependency, HealthProbe, Reply};

/// A model, and those that stand in for it.
pub struct Chain {
    first: Arc<OpenAiModel>,
    fallbacks: Vec<(Arc<str>, Arc<OpenAiModel>)>,
}

impl Chain {
    /// A model alone, or with others behind it, each under the name that people read.
    pub fn new(first: Arc<OpenAiModel>, fallbacks: Vec<(Arc<str>, Arc<OpenAiModel>)>) -> Self {
        Self { first, fallbacks }
    }

    /// What was said cannot be taken back, and what the provider will not say is not asked of another.
    async fn reply_by_any(
        &self,
        request: ModelRequest<'_>,
        deltas: &Deltas,
    ) -> Result<Reply, ModelError> {
        let mut result = self.first.reply(request, deltas).await;
        for (name, fallback) in &self.fallbacks {
            let Err(error) = &result else { break };
            if deltas.has_spoken() || !another_may_answer(error) {
                break;
            }
            tracing::warn!(%error, gen_ai.fallback = %name, "Asking another model");
            result = fallback.reply(request, &deltas.spoken_by(name)).await;
        }
        result
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

    /// Nobody is refused while one of them would answer.
    fn refuses_for(&self) -> Option<Duration> {
        let fallbacks = self.fallbacks.iter().map(|(_, model)| model.refuses_for());
        fallbacks.fold(self.first.refuses_for(), |least, wait| Some(least?.min(wait?)))
    }
}

impl HealthProbe for Chain {
    /// The first is down for people only if none stands in for it.
    fn report(&self) -> Vec<Dependency> {
        let fallbacks = self.fallbacks.iter().flat_map(|(_, model)| model.report());
        self.first.report().into_iter().chain(fallbacks).collect()
    }
}

fn another_may_answer(error: &ModelError) -> bool {
    match error {
        ModelError::Unavailable { .. }
        | ModelError::Misconfigured { .. }
        | ModelError::TimedOut(_)
        | ModelError::Empty
        | ModelError::Malformed
        | ModelError::Truncated
        | ModelError::Failed(_) => true,
        ModelError::Blocked(_) | ModelError::TooLong => false,
    }
}
