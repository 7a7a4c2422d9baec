//! A circuit breaker: failsafe decides when to open and for how long; the gate is ours (ADR 3).
//!
//! failsafe's own state machine admits every caller when half open, hides its state, and reads a
//! clock that tests cannot pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use failsafe::FailurePolicy;
use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{self, ConsecutiveFailures};
use tokio::time::Instant;

use crate::domain::{BreakerReport, BreakerState, CallCounts};

#[derive(Clone, Copy, Debug)]
pub struct BreakerSettings {
    /// Consecutive failures that open it.
    pub max_failures: u32,
    /// How long it stays open before it admits one probe.
    pub cool_down: Duration,
}

/// The breaker of one dependency. Clones share one state.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<SharedCircuit>);

/// Permission for one call; settle it with the result.
///
/// Dropping it (a cancelled call) counts as neither and frees the probe's place.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once guards nothing"]
pub struct Permit {
    breaker: Breaker,
    epoch: u64,
    is_probe: bool,
}

#[derive(Debug)]
struct SharedCircuit {
    name: String,
    state: Mutex<Circuit>,
}

#[derive(Debug)]
struct Circuit {
    policy: ConsecutiveFailures<Constant>,
    cool_down: Duration,
    gate: Gate,
    /// Increases each time the gate opens. Results of calls begun before that are counted but
    /// change nothing: a late success must not close a half-open breaker (ADR 3). Not when it
    /// closes: until then only the probe is of this epoch.
    epoch: u64,
    consecutive_failures: u32,
    calls: CallCounts,
}

#[derive(Clone, Copy, Debug)]
enum Gate {
    Closed,
    Open { until: Instant, probing: bool },
}

impl Breaker {
    /// `name` is for the log.
    pub fn new(name: impl Into<String>, settings: BreakerSettings) -> Self {
        let cool_down = settings.cool_down;
        let policy = failure_policy::consecutive_failures(
            settings.max_failures.max(1),
            // failsafe's exponential waits are whole seconds and panic below one (ADR 3).
            backoff::constant(cool_down),
        );
        let state = Circuit {
            policy,
            cool_down,
            gate: Gate::Closed,
            epoch: 0,
            consecutive_failures: 0,
            calls: CallCounts::default(),
        };
        Self(Arc::new(SharedCircuit { name: name.into(), state: Mutex::new(state) }))
    }

    /// A permit, or the time to the next probe.
    pub fn admit(&self) -> Result<Permit, Duration> {
        self.let_in().inspect_err(|_| self.turn_away())
    }

    /// Counts a call that was refused before it was made.
    pub(super) fn turn_away(&self) {
        self.state().calls.rejected += 1;
    }

    /// As `admit`, for an attempt: a refusal is counted once for the whole call.
    pub(super) fn let_in(&self) -> Result<Permit, Duration> {
        let mut state = self.state();
        let now = Instant::now();
        let is_probe = match &mut state.gate {
            Gate::Closed => false,
            Gate::Open { until, probing } if *until <= now && !*probing => {
                *probing = true;
                true
            }
            Gate::Open { until, .. } => {
                return Err(until.saturating_duration_since(now));
            }
        };
        let epoch = state.epoch;
        // Logged outside of the lock, here and below: every call needs it.
        drop(state);
        if is_probe {
            self.log("half_open");
        }
        Ok(Permit { breaker: self.clone(), epoch, is_probe })
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// For `/health`. Computed on request, so an idle open breaker reports half open in time (ADR
    /// 3).
    pub fn report(&self) -> BreakerReport {
        let state = self.state();
        let now = Instant::now();
        let (gate, wait) = match state.gate {
            Gate::Closed => (BreakerState::Closed, None),
            Gate::Open { until, .. } if until <= now => (BreakerState::HalfOpen, None),
            Gate::Open { until, .. } => (BreakerState::Open, Some(until - now)),
        };
        BreakerReport {
            state: gate,
            consecutive_failures: state.consecutive_failures,
            retry_in_seconds: wait.map(|wait| wait.as_secs_f64()),
            cooling_seconds: None,
            calls: state.calls,
        }
    }

    fn on_success(&self, epoch: u64) {
        let mut state = self.state();
        state.calls.ok += 1;
        if epoch != state.epoch {
            return;
        }
        state.consecutive_failures = 0;
        if matches!(state.gate, Gate::Open { .. }) {
            state.close();
            drop(state);
            self.log("closed");
        } else {
            state.policy.record_success();
        }
    }

    /// Closes the gate because a probe of `epoch` was answered. The end of that call still counts.
    fn on_answer(&self, epoch: u64) {
        let mut state = self.state();
        if epoch != state.epoch {
            return;
        }
        state.close();
        drop(state);
        self.log("closed");
    }

    fn on_failure(&self, epoch: u64) {
        let mut state = self.state();
        state.calls.failed += 1;
        if epoch != state.epoch {
            return;
        }
        state.consecutive_failures = state.consecutive_failures.saturating_add(1);
        let pause = match state.gate {
            Gate::Closed => state.policy.mark_dead_on_failure(),
            // A failed probe: open for the whole time again (ADR 3).
            Gate::Open { .. } => Some(state.cool_down),
        };
        let Some(pause) = pause else { return };
        state.gate = Gate::Open { until: Instant::now() + pause, probing: false };
        state.epoch += 1;
        drop(state);
        self.log("open");
    }

    /// Frees the place of a probe without a result.
    fn release(&self, epoch: u64) {
        let mut state = self.state();
        if epoch == state.epoch
            && let Gate::Open { probing, .. } = &mut state.gate
        {
            *probing = false;
        }
    }

    fn log(&self, state: &'static str) {
        tracing::warn!(breaker.name = %self.0.name, breaker.state = state, "Breaker changed");
    }

    fn state(&self) -> MutexGuard<'_, Circuit> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    fn close(&mut self) {
        self.gate = Gate::Closed;
        self.consecutive_failures = 0;
        self.policy.revived();
    }
}

impl Permit {
    /// Whether this is the one probe of a half-open breaker.
    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The dependency began to answer. That closes a half-open breaker immediately, but success
    /// counts only at the end of a call: streams that always break later do open it (ADR 3).
    pub fn answered(&mut self) {
        if std::mem::take(&mut self.is_probe) {
            self.breaker.on_answer(self.epoch);
        }
    }

    pub fn succeed(mut self) {
        self.is_probe = false;
        self.breaker.on_success(self.epoch);
    }

    /// The call failed in a way that counts against the dependency.
    pub fn fail(mut self) {
        self.is_probe = false;
        self.breaker.on_failure(self.epoch);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.release(self.epoch);
        }
    }
}
