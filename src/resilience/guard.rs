//! The one way out of the server: limit and breaker inside each attempt, retry outside, within a
//! budget; the attempts are judged together.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::attempts::{AttemptDeadline, Attempts};
use super::repeats::Repeats;
use super::{Breaker, BreakerSettings, Cooling, Permit, RetryBudget, RetryLeave};
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
    budget: RetryBudget,
    settings: GuardSettings,
}

/// An error of a guarded call, as far as the guard must understand it.
pub trait Fault: From<GuardRefusal> {
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
    /// It answered, if only to refuse: it is alive, and a breaker that was open is closed.
    Answered,
    /// Nothing: nothing was sent, or nobody waited for the answer.
    Nothing,
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
    /// As before, but not if it was tried for this reason already.
    Once,
    /// Not before this time is over.
    After(Duration),
    /// Nothing was sent, so that after this time it would be the first.
    Unsent(Duration),
}

/// The guard's own reasons to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardRefusal {
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
    /// The caller's own deadline passed before that limit.
    DeadlinePassed,
}

impl Guard {
    /// A guard whose breaker is closed; `name` is for the log.
    pub fn new(name: impl Into<String>, settings: GuardSettings) -> Self {
        let breaker = Breaker::new(name, settings.breaker);
        Self { breaker, cooling: Cooling::default(), budget: RetryBudget::default(), settings }
    }

    /// Its breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Its state, for health reports.
    pub fn report(&self) -> BreakerReport {
        let report = self.breaker.report();
        let pause = self.cooling.remaining().map(|pause| pause.as_secs_f64());
        let longer = |wait: f64| pause.map_or(wait, |pause| pause.max(wait));
        let retry_in_seconds = report.retry_in_seconds.map(longer).or(pause);
        BreakerReport { retry_in_seconds, cooling_seconds: pause, ..report }
    }

    /// Begins a call that asks leave for each of its attempts.
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts::of(self)
    }

    /// Asks leave for a call of one attempt.
    pub fn admit(&self) -> Result<Permit, GuardRefusal> {
        self.let_in().inspect_err(|_| self.turn_away())
    }

    /// Counts a call that was never made.
    pub fn turn_away(&self) {
        self.breaker.turn_away();
    }

    pub(super) fn let_in(&self) -> Result<Permit, GuardRefusal> {
        self.cooling.admit().map_err(|retry_in| GuardRefusal::Cooling { retry_in })?;
        self.breaker.let_in().map_err(|retry_in| GuardRefusal::Open { retry_in })
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
    pub fn settle(&self, mut permit: Permit, verdict: Verdict) {
        match verdict {
            Verdict::Ill => permit.fail(),
            Verdict::Answered => permit.answered(),
            Verdict::Nothing => drop(permit),
            Verdict::Busy(pause) => {
                drop(permit);
                let pause = self.cooling.hold(pause);
                tracing::warn!(retry.delay_ms = millis(pause), "Asked to slow down");
            }
        }
    }

    /// Makes a call that has one answer: `limit` bounds each attempt, the caller's own `deadline` all
    /// of them. An attempt that the deadline cuts says nothing of the dependency.
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
        let attempts = self.attempts();
        self.retry(deadline, || attempts.make(end(limit, deadline), operation())).await
    }

    /// The same where `limit` bounds the whole call, and nobody else does.
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
        self.attempts().make(end(limit, deadline), operation).await
    }

    /// Repeats `attempt` while its errors ask for it, and deadline and budget allow.
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
                tracing::info!(retry.delay_ms = millis(delay), "Waiting for a pause to be over");
            } else {
                count += 1;
                tracing::warn!(retry.attempt = count, retry.delay_ms = millis(delay), "Retrying");
            }
            sleep(delay).await;
        }
    }

    /// What was not sent yet is no repeat, and takes nothing from the budget.
    fn may_wait(&self, repeat: Repeat, delay: Duration, deadline: Instant) -> bool {
        let is_in_time = delay < deadline.saturating_duration_since(Instant::now());
        is_in_time && (matches!(repeat, Repeat::Unsent(_)) || self.may_repeat())
    }

    fn may_repeat(&self) -> bool {
        let leave = self.budget.repeat();
        if leave == (RetryLeave::Refused { is_news: true }) {
            let name = self.breaker.name();
            tracing::warn!(breaker.name = name, "Too many repeats: calls fail at once for now");
        }
        leave == RetryLeave::Granted
    }
}

/// The limit of an attempt, or what the caller has left if that is less.
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
