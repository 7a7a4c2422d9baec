//! Checks each model once the server listens, in the background. It only warns: no breaker and no
//! status depend on it (ADR 17).

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, field, info_span};

use super::lifetimes::announced_end;
use super::model_list::lists;
use super::succession::RequestedModel;
use crate::adapter::OpenAiModel;
use crate::fault::failure::Failure;
use crate::fault::provider_refusal::ProviderRefusal;
use base::resilience::{Attempts, GuardRefusal};

const LIMIT: Duration = Duration::from_secs(5);
/// Limit for all attempts together.
const PATIENCE: Duration = Duration::from_secs(20);

impl OpenAiModel {
    /// Warns about an announced end or a missing entry in the provider's list. Skips the bundled
    /// model.
    pub(crate) async fn inspect(&self) {
        let asked = self.models.now();
        if asked.settings.offline {
            return;
        }
        if let Some(warning) = self.end_announced() {
            tracing::warn!("{warning}");
        }
        let model = &asked.settings.model;
        let span =
            info_span!("model.list", gen_ai.request.model = model, duration_ms = field::Empty);
        self.compare_with_list(asked).instrument(span).await;
    }

    /// Warnings for `/health`, as sentences.
    pub(crate) fn warned(&self) -> Vec<String> {
        let told = self.models.message().into_iter().chain(self.end_announced());
        told.chain(self.models.now().warnings.messages()).collect()
    }

    fn end_announced(&self) -> Option<String> {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let settings = &self.models.now().settings;
        announced_end(settings, today).filter(|_| !settings.offline)
    }

    async fn compare_with_list(&self, asked: &RequestedModel) {
        let started = Instant::now();
        let attempts = self.guard.attempts();
        let found = self.guard.retry(started + PATIENCE, || self.is_listed(asked, &attempts)).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Span::current().record("duration_ms", duration_ms);
        match found {
            Ok(Some(true)) => tracing::debug!("The provider lists the model"),
            Ok(Some(false)) => asked.warnings.unlisted(),
            Ok(None) => log_no_list(),
            Err(failure) => {
                self.learn_from(&failure);
                log_failure(&failure);
            }
        }
    }

    /// One request. Its permit is dropped unused: a list says nothing about the model's health
    /// (ADR 17).
    async fn is_listed(
        &self,
        asked: &RequestedModel,
        attempts: &Attempts<'_>,
    ) -> Result<Option<bool>, Failure> {
        let _leave = attempts.admit()?;
        let answer = timeout(LIMIT, self.transport.models()).await;
        let answer = answer.map_err(|_| GuardRefusal::TimedOut)??;
        let refused = ProviderRefusal::read(answer.status, &answer.headers, &answer.body);
        match answer.status {
            200..=299 => Ok(lists(&answer.body, &asked.settings.model)),
            408 | 429 | 500 | 502..=599 => Err(refused.failure()),
            _ if refused.is_about_the_key() => Err(refused.failure()),
            // A server without a list, or one that does not show it to this key.
            _ => Ok(None),
        }
    }
}

fn log_no_list() {
    tracing::info!("The provider has no list of models");
}

fn log_failure(failure: &Failure) {
    let error = &failure.error;
    tracing::warn!(%error, "The provider's list of models could not be read");
}
