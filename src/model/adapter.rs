//! Implements the agent's port `Model` for one provider: one reply, with retries under the guard.
//! Fallbacks are in `chain`.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, field};

use super::answer::stream::Reading;
use super::call::ModelCall;
use super::cost::bill::Bill;
use super::endpoint::Endpoint;
use super::fault::advice::Advice;
use super::fault::failure::Failure;
use super::fault::remedy::Remedy;
use super::fault::sight::{Doubt, Sight};
use super::request::body::Body;
use super::request::names::Names;
use super::request::tool_declarations::ToolDeclarations;
use super::request::wire::Recipient;
use super::settings::{Settings, SettingsError};
use super::transport::ProviderTransport;
use super::watch::succession::{RequestedModel, Succession};
use base::agents::{Deltas, Model, ModelError, ModelRequest};
use base::domain::{Dependency, Detail, HealthProbe, Reply, Tool};
use base::resilience::{Fault, Guard, GuardRefusal, Patience, Permit, Verdict};

/// Gemini, or any server with the same API.
pub struct OpenAiModel {
    /// The id by which users choose it.
    id: Arc<str>,
    /// As configured. A successor has its own copy in `models`.
    settings: Settings,
    pub(super) models: Succession,
    base_url: String,
    /// Dialect and host: every message is marked with it, because a configured name may later
    /// mean another server (ADR 15).
    provider: String,
    pub(super) transport: ProviderTransport,
    pub(super) guard: Guard,
    advice: Advice,
    sight: Sight,
    /// The last tool declarations, as text. Tools rarely change, and reducing schemas is expensive.
    declared: Mutex<Arc<ToolDeclarations>>,
}

impl OpenAiModel {
    /// Sends nothing yet.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let endpoint = Endpoint::new(&settings)?;
        Ok(Self {
            id: Arc::from(settings.id()),
            base_url: endpoint.base_url().to_owned(),
            provider: format!("{}@{}", settings.family.name(), endpoint.host()),
            transport: ProviderTransport::new(endpoint, &settings.outbound)?,
            guard: Guard::new(name_of(&settings), settings.guard),
            advice: Advice::default(),
            sight: Sight::default(),
            models: Succession::new(settings.clone()),
            declared: Mutex::default(),
            settings,
        })
    }

    pub(super) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// How long the breaker refuses calls. Ignores a provider's pause, which is waited for.
    pub(super) fn refused_for(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.guard.breaker().report().retry_in_seconds?).ok()
    }

    /// How long the breaker or a provider's pause holds back the next call.
    fn held_for(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.guard.report().retry_in_seconds?).ok()
    }

    /// Counts a call that was refused before it was made.
    pub(super) fn turn_away(&self) {
        self.guard.turn_away();
    }

    /// The name that users read.
    pub(super) fn speaker(&self) -> Arc<str> {
        self.models.successor().map_or_else(|| self.id(), RequestedModel::name)
    }

    /// Asks, and asks the successor in the same turn if the provider no longer offers the model:
    /// nothing was shown yet (ADR 17).
    async fn reply_by(
        &self,
        request: ModelRequest<'_>,
        deltas: &Deltas,
    ) -> Result<Reply, ModelError> {
        let asked = self.models.now();
        let mut result = self.ask(asked, request, deltas).await;
        if let Err(failure) = &result
            && let Some(next) = self.models.after(asked, failure)
        {
            let deltas = deltas.spoken_by(&next.name());
            result = self.ask(next, request, &deltas).await;
            if result.is_ok() {
                // The turn that detects the change says so, even if it begins with calls.
                deltas.introduce();
            }
        }
        result
            .inspect_err(|failure| self.learn_from(failure))
            .map_err(|failure| self.error_of(failure))
    }

    /// Asks, and asks without images if those may be why there was no answer.
    async fn ask(
        &self,
        asked: &RequestedModel,
        request: ModelRequest<'_>,
        deltas: &Deltas,
    ) -> Result<Reply, Failure> {
        let plain = ModelRequest { images: &[], ..request };
        if request.images.is_empty() || !self.sight.may_see(request.deadline) {
            return self.ask_once(asked, plain, deltas).await;
        }
        let result = self.ask_once(asked, request, deltas).await;
        let Err(failure) = &result else {
            self.sight.prove();
            return result;
        };
        let doubt = Doubt::of(failure);
        if doubt == Doubt::No || deltas.has_spoken() {
            return result;
        }
        let second = self.ask_once(asked, plain, deltas).await;
        if second.is_ok() && doubt == Doubt::Refused {
            self.sight.doubt(request.deadline);
        }
        second
    }

    async fn ask_once(
        &self,
        asked: &RequestedModel,
        request: ModelRequest<'_>,
        deltas: &Deltas,
    ) -> Result<Reply, Failure> {
        let declared = self.declared_tools(request.tools);
        let body = Body::new(self.recipient(asked), &request, &declared);
        let body = body.thinking(self.settings.thinking);
        let (call, mut number) = (ModelCall::new(body, deltas, self.guard.attempts()), 0_u32);
        let attempts = self.guard.retry(request.deadline, || {
            number += 1;
            let span = span(asked, number);
            // Boxed: `instrument` moves the future, and each move would reserve its size again.
            timed(Box::pin(self.attempt(asked, &call))).instrument(span)
        });
        // `retry` starts no wait beyond the deadline; this cuts an attempt that is under way.
        let result = timeout_at(request.deadline, attempts)
            .await
            .unwrap_or_else(|_| Err(Failure::out_of_time()));
        result.map(|reply| self.signed(with_our_names(reply, declared.names())))
    }

    fn recipient<'a>(&'a self, asked: &'a RequestedModel) -> Recipient<'a> {
        let Settings { model, name, family, .. } = &asked.settings;
        let (provider, name) = (self.provider.as_str(), name.as_deref());
        Recipient { model, provider, name, family: *family }
    }

    /// Marks the message with its provider, which alone gets the extras back (ADR 15).
    fn signed(&self, mut reply: Reply) -> Reply {
        reply.message.by = Some(self.provider.clone());
        reply
    }

    fn declared_tools(&self, tools: &[Tool]) -> Arc<ToolDeclarations> {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if !declared.is_of(tools) {
            *declared = Arc::new(ToolDeclarations::of(tools));
        }
        Arc::clone(&declared)
    }

    /// One request. If it is dropped, the permit counts as neither success nor failure (ADR 3).
    async fn attempt(
        &self,
        asked: &RequestedModel,
        call: &ModelCall<'_>,
    ) -> Result<Reply, Failure> {
        let mut permit = call.attempts.admit().map_err(|refusal| self.refused(refusal))?;
        let result = self.exchange(asked, call, &mut permit).await;
        let result = result.map_err(|failure| call.learn_from(failure));
        match &result {
            Ok(_) => {
                call.attempts.succeed(permit);
                self.advice.clear();
                asked.warnings.answered();
            }
            Err(failure) => {
                call.attempts.settle(permit, failure.verdict());
                if let Verdict::Busy(_) = failure.verdict {
                    self.advice.hold_for(&failure.error);
                }
            }
        }
        result
    }

    /// While a used-up quota holds calls back, turns get that reason and not "asked for a pause".
    fn refused(&self, refusal: GuardRefusal) -> Failure {
        match (refusal, self.advice.spent()) {
            (GuardRefusal::Cooling { .. }, Some(what)) => Failure::unsent(ModelError::Spent(what)),
            _ => refusal.into(),
        }
    }

    async fn exchange(
        &self,
        asked: &RequestedModel,
        call: &ModelCall<'_>,
        permit: &mut Permit,
    ) -> Result<Reply, Failure> {
        // One limit for connecting, the head and the first event: the user waits for all three.
        let first_event_by = Instant::now() + self.settings.first_event_timeout;
        let patience = Patience::new(first_event_by, self.settings.stall_timeout);
        let body = call.body();
        let Settings { model, .. } = &asked.settings;
        let bill = Bill::new(call.deltas, model, asked.settings.price());
        let mut bill = bill.with_images(body.images());
        let opened = timeout_at(first_event_by, self.transport.open(&body, &mut bill));
        let opened = opened.await.map_err(|_| GuardRefusal::TimedOut)??;
        let deltas = call.deltas.for_attempt();
        Reading::new(&deltas, bill, &asked.warnings, permit, patience).read(opened).await
    }

    /// Keeps advice about what only the operator can change.
    pub(super) fn learn_from(&self, failure: &Failure) {
        if let Some(remedy) = &failure.remedy {
            self.advice.note(&remedy.words(&self.models.now().settings));
        }
    }

    /// Adds what we know and the provider did not say: when it is asked again, or which model to
    /// set.
    fn error_of(&self, failure: Failure) -> ModelError {
        match (failure.error, failure.remedy) {
            (ModelError::Unavailable { reason, retry_in: None }, _) => {
                ModelError::Unavailable { reason, retry_in: self.held_for() }
            }
            (_, Some(remedy @ Remedy::Model)) => {
                ModelError::Unoffered(remedy.words(&self.models.now().settings))
            }
            (error, _) => error,
        }
    }
}

impl Model for OpenAiModel {
    fn reply<'a>(
        &'a self,
        request: ModelRequest<'a>,
        deltas: &'a Deltas,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        self.reply_by(request, deltas).boxed()
    }

    fn choices(&self) -> &[Arc<str>] {
        std::slice::from_ref(&self.id)
    }

    /// Only an open breaker refuses. A pause is waited for if the turn has time (ADR 3).
    fn refuses_for(&self) -> Option<Duration> {
        self.refused_for().inspect(|_| self.turn_away())
    }
}

impl HealthProbe for OpenAiModel {
    fn report(&self) -> Vec<Dependency> {
        let (name, base_url) = (self.models.now().settings.model.clone(), self.base_url.clone());
        let (offline, advice) = (self.settings.offline, self.advice.get());
        let declared = Arc::clone(&self.declared.lock().unwrap_or_else(PoisonError::into_inner));
        let warnings = self.warned().into_iter().chain(declared.warning()).collect();
        let detail = match &self.settings.name {
            None => Detail::Model { name, base_url, offline, advice, warnings },
            Some(_) => Detail::Fallback { name, base_url, advice, warnings },
        };
        vec![Dependency { name: name_of(&self.settings), breaker: self.guard.report(), detail }]
    }
}

fn span(asked: &RequestedModel, attempt: u32) -> Span {
    tracing::info_span!(
        "model.call",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = asked.settings.model,
        gen_ai.response.model = field::Empty,
        gen_ai.usage.input_tokens = field::Empty,
        gen_ai.usage.cached_tokens = field::Empty,
        gen_ai.usage.output_tokens = field::Empty,
        gen_ai.usage.thinking_tokens = field::Empty,
        gen_ai.usage.cost_usd = field::Empty,
        retry.attempt = attempt,
    )
}

/// The name in `/health` and in the log.
fn name_of(settings: &Settings) -> String {
    settings.name.as_ref().map_or_else(|| "model".to_owned(), |name| format!("model:{name}"))
}

/// Logs the result and duration of an attempt.
async fn timed(attempt: impl Future<Output = Result<Reply, Failure>>) -> Result<Reply, Failure> {
    let start = Instant::now();
    let result = attempt.await;
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => tracing::info!(duration_ms, "The model replied"),
        Err(failure) => log_failure(&failure.error, duration_ms),
    }
    result
}

fn log_failure(error: &ModelError, duration_ms: u64) {
    tracing::warn!(duration_ms, %error, "The model gave no reply");
}

fn with_our_names(mut reply: Reply, names: &Names) -> Reply {
    for call in &mut reply.message.calls {
        let ours = names.ours(&call.name);
        if ours != call.name {
            call.name = ours.to_owned();
        }
    }
    reply
}
