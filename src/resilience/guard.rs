//! The one way out of the house: breaker inside each attempt, retry outside, within a budget.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::{Instant, timeout_at};

use super::{Breaker, BreakerSettings, Budget, Cooling, Leave, Permit};
use crate::domain::BreakerReport;

/// How one dependency is guarded.
#[derive(Clone, Copy, Debug)]
pub struct GuardSettings {
    /// When to stop calling it.
    pub breaker: BreakerSettings,
    /// How many more attempts may follow the first.
    pub retries: usize,
    /// The wait before the first of them; doubles each time, plus up to as much again at random.
    pub min_delay: Duration,
    /// The longest wait before jitter.
    pub max_delay: Duration,
    /// Whether waits are spread at random; off only in tests.
    pub jitter: bool,
}

/// Everything that stands between us and one dependency.
#[derive(Debug)]
pub struct Guard {
    breaker: Breaker,
    cooling: Cooling,
    /// Of all who call, so that many patient turns are no storm.
    budget: Budget,
    settings: GuardSettings,
}

/// An error of a guarded call, as far as the guard must understand it.
pub trait Fault: From<Refusal> {
    /// What it says about the dependency.
    fn verdict(&self) -> Verdict;

    /// Whether another attempt may help.
    fn repeat(&self) -> Repeat;
}

/// What an error says about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is ill.
    Ill,
    /// It is well; the request was at fault, or nothing was sent.
    Well,
    /// It asks for a pause, perhaps naming its length.
    Busy(Option<Duration>),
}

/// Whether another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// No.
    Never,
    /// After a growing pause.
    AfterBackoff,
    /// Not before this time is over.
    After(Duration),
    /// Nothing was sent, so that after this time it would be the first.
    Unsent(Duration),
}

/// The guard's own reasons to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The breaker is open; nothing was sent.
    Open {
        /// When a probe is due.
        retry_in: Duration,
    },
    /// The dependency asked for a pause; nothing was sent.
    Cooling {
        /// When the pause is over.
        retry_in: Duration,
    },
    /// The attempt's time limit passed.
    TimedOut,
}

impl Guard {
    /// A guard whose breaker is closed; `name` is for the log.
    pub fn new(name: impl Into<String>, settings: GuardSettings) -> Self {
        let breaker = Breaker::new(name, settings.breaker);
        Self { breaker, cooling: Cooling::default(), budget: Budget::default(), settings }
    }

    /// Its breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Its state, for health reports.
    pub fn report(&self) -> BreakerReport {
        let report = self.breaker.report();
        let pause = self.cooling.remaining().map(|pause| pause.as_secs_f64());
        let retry_in_seconds = report.retry_in_seconds.or(pause);
        BreakerReport { retry_in_seconds, cooling_seconds: pause, ..report }
    }

    /// Asks leave for one attempt.
    pub fn admit(&self) -> Result<Permit, Refusal> {
        if let Some(retry_in) = self.cooling.remaining() {
            return Err(Refusal::Cooling { retry_in });
        }
        self.breaker.admit().map_err(|retry_in| Refusal::Open { retry_in })
    }

    /// Notes a success: the breaker hears of it and a pause is over.
    pub fn succeed(&self, permit: Permit) {
        permit.succeed();
        // A call begun before the pause says nothing about it.
        if self.cooling.remaining().is_none() {
            self.cooling.clear();
        }
    }

    /// Notes an error by its verdict.
    pub fn settle(&self, permit: Permit, verdict: Verdict) {
        match verdict {
            Verdict::Ill => permit.fail(),
            Verdict::Well => drop(permit),
            Verdict::Busy(pause) => {
                drop(permit);
                let pause = self.cooling.hold(pause);
                tracing::warn!(retry.delay_ms = millis(pause), "Asked to slow down");
            }
        }
    }

    /// Makes a call that has one answer: `limit` bounds each attempt, `deadline` all of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt and frees a probe's place.
    pub async fn call<T, E: Fault, F: Future<Output = Result<T, E>>>(
        &self,
        limit: Duration,
        deadline: Instant,
        operation: impl Fn() -> F,
    ) -> Result<T, E> {
        self.retry(deadline, || self.attempt(deadline.min(Instant::now() + limit), operation()))
            .await
    }

    /// Makes one attempt and no more, for what must not happen twice.
    ///
    /// # Cancel safety
    ///
    /// As for [`Guard::call`].
    pub async fn call_once<T, E: Fault>(
        &self,
        limit: Duration,
        deadline: Instant,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.budget.call();
        self.attempt(deadline.min(Instant::now() + limit), operation).await
    }

    /// Repeats `attempt` while its errors ask for it, and deadline and budget allow.
    pub async fn retry<T, E: Fault, F: Future<Output = Result<T, E>>>(
        &self,
        deadline: Instant,
        attempt: impl FnMut() -> F,
    ) -> Result<T, E> {
        let mut count = 1_u32;
        self.budget.call();
        attempt
            .retry(self.backoff())
            .when(|error: &E| error.repeat() != Repeat::Never)
            .adjust(|error, delay| {
                let delay = match error.repeat() {
                    Repeat::After(named) | Repeat::Unsent(named) => delay?.max(named),
                    Repeat::Never | Repeat::AfterBackoff => delay?,
                };
                let delay = delay.max(self.cooling.remaining().unwrap_or_default());
                let in_time = delay < deadline.saturating_duration_since(Instant::now());
                let is_extra = !matches!(error.repeat(), Repeat::Unsent(_));
                (in_time && (!is_extra || self.may_repeat())).then_some(delay)
            })
            .notify(|_, delay| {
                count += 1;
                tracing::warn!(retry.attempt = count, retry.delay_ms = millis(delay), "Retrying");
            })
            .await
    }

    fn may_repeat(&self) -> bool {
        let leave = self.budget.repeat();
        if leave == (Leave::Refused { is_news: true }) {
            let name = self.breaker.name();
            tracing::warn!(breaker.name = name, "Too many repeats: calls fail at once for now");
        }
        leave == Leave::Granted
    }

    async fn attempt<T, E: Fault>(
        &self,
        until: Instant,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let permit = self.admit()?;
        let result =
            timeout_at(until, operation).await.unwrap_or_else(|_| Err(Refusal::TimedOut.into()));
        match &result {
            Ok(_) => self.succeed(permit),
            Err(error) => self.settle(permit, error.verdict()),
        }
        result
    }

    fn backoff(&self) -> ExponentialBuilder {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.settings.min_delay)
            .with_max_delay(self.settings.max_delay)
            .with_max_times(self.settings.retries);
        if self.settings.jitter { backoff.with_jitter() } else { backoff }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
