//! The guard of every external call: time limit and breaker inside each attempt, retry outside,
//! within a budget; the attempts are judged together (ADR 3, ADR 18).

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::attempts::{AttemptDeadline, Attempts};
use super::repeats::Repeats;
use super::{Breaker, BreakerSettings, Cooling, Permit, RetryBudget, RetryLeave};
use crate::domain::BreakerReport;

#[derive(Clone, Copy, Debug)]
pub struct GuardSettings {
    pub breaker: BreakerSettings,
    /// Attempts after the first.
    pub retries: usize,
    /// Wait before the first of them; doubles each time, plus up to as much again at random.
    pub min_delay: Duration,
    /// Longest wait, before jitter.
    pub max_delay: Duration,
    /// Whether waits are randomised; off only in tests.
    pub jitter: bool,
}

#[derive(Debug)]
pub struct Guard {
    breaker: Breaker,
    cooling: Cooling,
    /// Shared by all callers: during an outage the retries of many turns would multiply its load
    /// (ADR 18).
    budget: RetryBudget,
    settings: GuardSettings,
}

/// What the guard must know about the error of a call.
pub trait Fault: From<GuardRefusal> {
    fn verdict(&self) -> Verdict;

    fn repeat(&self) -> Repeat;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts against the dependency.
    Ill,
    /// It answered, even if only to refuse: it is alive, and a half-open breaker closes.
    Answered,
    /// Nothing was sent, or our own deadline cut the attempt.
    Nothing,
    /// It asks for a pause, possibly with its length.
    Busy(Option<Duration>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Never,
    /// After a growing wait.
    AfterBackoff,
    /// The same, but only once in a call.
    Once,
    /// Not before this time has passed.
    After(Duration),
    /// Nothing was sent: after this time it would be the first attempt.
    Unsent(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardRefusal {
    /// The breaker is open; nothing was sent.
    Open {
        /// Time to the next probe.
        retry_in: Duration,
    },
    /// The dependency asked for a pause; nothing was sent.
    Cooling {
        /// Rest of the pause.
        retry_in: Duration,
    },
    /// The attempt's time limit passed: counts against the dependency.
    TimedOut,
    /// The caller's own deadline passed before that limit: does not count (ADR 3).
    DeadlinePassed,
}

impl Guard {
    /// `name` is for the log.
    pub fn new(name: impl Into<String>, settings: GuardSettings) -> Self {
        let breaker = Breaker::new(name, settings.breaker);
        Self { breaker, cooling: Cooling::default(), budget: RetryBudget::default(), settings }
    }

    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// For `/health`. The time to the next call is the longer of breaker and pause.
    pub fn report(&self) -> BreakerReport {
        let report = self.breaker.report();
        let pause = self.cooling.remaining().map(|pause| pause.as_secs_f64());
        let longer = |wait: f64| pause.map_or(wait, |pause| pause.max(wait));
        let retry_in_seconds = report.retry_in_seconds.map(longer).or(pause);
        BreakerReport { retry_in_seconds, cooling_seconds: pause, ..report }
    }

    /// Begins a call whose caller makes the attempts itself.
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts::of(self)
    }

    /// Permit for a call of one attempt.
    pub fn admit(&self) -> Result<Permit, GuardRefusal> {
        self.let_in().inspect_err(|_| self.turn_away())
    }

    /// Counts a call that was refused before it was made.
    pub fn turn_away(&self) {
        self.breaker.turn_away();
    }

    pub(super) fn let_in(&self) -> Result<Permit, GuardRefusal> {
        // The pause first: a call that it holds back must not take the probe's place.
        self.cooling.admit().map_err(|retry_in| GuardRefusal::Cooling { retry_in })?;
        self.breaker.let_in().map_err(|retry_in| GuardRefusal::Open { retry_in })
    }

    /// Notes a success for the breaker, and ends the ramp after a pause.
    pub fn succeed(&self, permit: Permit) {
        permit.succeed();
        // During a pause only calls begun before it can end, and they say nothing about it.
        if self.cooling.remaining().is_none() {
            self.cooling.clear();
        }
    }

    pub fn settle(&self, mut permit: Permit, verdict: Verdict) {
        match verdict {
            Verdict::Ill => permit.fail(),
            // Not `succeed`: a refusal must not reset the count of failures.
            Verdict::Answered => permit.answered(),
            Verdict::Nothing => drop(permit),
            Verdict::Busy(pause) => {
                // A busy provider is neither healthy nor failing; a probe's place becomes free.
                drop(permit);
                let pause = self.cooling.hold(pause);
                tracing::warn!(retry.delay_ms = millis(pause), "Asked for a pause");
            }
        }
    }

    /// Makes a call: `limit` is for each attempt, the caller's own `deadline` for all of them. An
    /// attempt that the deadline cuts does not count.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the running attempt and frees a probe's place.
    pub async fn call<T, E: Fault, F: Future<Output = Result<T, E>>>(
        &self,
        limit: Duration,
        deadline: Instant,
        operation: impl Fn() -> F,
    ) -> Result<T, E> {
        let attempts = self.attempts();
        self.retry(deadline, || attempts.make(end(limit, deadline), operation())).await
    }

    /// The same, with one `limit` for the whole call, which counts against the dependency.
    ///
    /// # Cancel safety
    ///
    /// As for [`Guard::call`].
    pub async fn call_within<T, E: Fault, F: Future<Output = Result<T, E>>>(
        &self,
        limit: Duration,
        operation: impl Fn() -> F,
    ) -> Result<T, E> {
        let attempts = self.attempts();
        let end = AttemptDeadline { at: Instant::now() + limit, refusal: GuardRefusal::TimedOut };
        self.retry(end.at, || attempts.make(end, operation())).await
    }

    /// Makes one attempt only, for a call that must not happen twice (ADR 12).
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
        self.attempts().make(end(limit, deadline), operation).await
    }

    /// Retries `attempt` while its errors ask for it and deadline and budget allow.
    pub async fn retry<T, E: Fault, F: Future<Output = Result<T, E>>>(
        &self,
        deadline: Instant,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, E> {
        let (mut repeats, mut count) = (Repeats::new(&self.settings), 1_u32);
        self.budget.call();
        loop {
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let (repeat, cooling) = (error.repeat(), self.cooling.remaining().unwrap_or_default());
            let delay = repeats.next(repeat, cooling);
            let delay = delay.filter(|delay| self.may_wait(repeat, *delay, deadline));
            let Some(delay) = delay else { return Err(error) };
            if let Repeat::Unsent(_) = repeat {
                tracing::info!(retry.delay_ms = millis(delay), "Waiting for the end of a pause");
            } else {
                count += 1;
                tracing::warn!(retry.attempt = count, retry.delay_ms = millis(delay), "Retrying");
            }
            sleep(delay).await;
        }
    }

    /// A call that was not sent yet is not a retry and takes nothing from the budget (ADR 18).
    fn may_wait(&self, repeat: Repeat, delay: Duration, deadline: Instant) -> bool {
        let is_in_time = delay < deadline.saturating_duration_since(Instant::now());
        is_in_time && (matches!(repeat, Repeat::Unsent(_)) || self.may_repeat())
    }

    fn may_repeat(&self) -> bool {
        let leave = self.budget.repeat();
        if leave == (RetryLeave::Refused { is_news: true }) {
            let name = self.breaker.name();
            tracing::warn!(
                breaker.name = name,
                "The retry budget is used up: calls fail immediately for now"
            );
        }
        leave == RetryLeave::Granted
    }
}

/// The limit of an attempt, or the caller's deadline if that is earlier.
fn end(limit: Duration, deadline: Instant) -> AttemptDeadline {
    let at = Instant::now() + limit;
    if deadline < at {
        AttemptDeadline { at: deadline, refusal: GuardRefusal::DeadlinePassed }
    } else {
        AttemptDeadline { at, refusal: GuardRefusal::TimedOut }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
