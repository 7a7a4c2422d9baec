//! Judges the attempts at one call together: a call counts once, however often it was tried.
//!
//! When each attempt counted, one message that a provider could not answer, tried three times,
//! opened the breaker for everyone (ADR 3).

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::in_time::in_time;
use super::{Fault, Guard, GuardRefusal, Permit, Verdict};

/// The attempts at one call. The call is counted when this is dropped.
#[derive(Debug)]
#[must_use = "what is dropped at once has made no attempt"]
pub struct Attempts<'a> {
    guard: &'a Guard,
    seen: Mutex<AttemptRecord>,
}

#[derive(Debug, Default)]
struct AttemptRecord {
    was_sent: bool,
    was_turned_away: bool,
    /// The permit of the last attempt with a verdict, if it counts against the dependency.
    against: Option<Permit>,
}

/// When an attempt is cut, and the error that this gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptDeadline {
    pub(super) at: Instant,
    pub(super) refusal: GuardRefusal,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(guard: &'a Guard) -> Self {
        Self { guard, seen: Mutex::default() }
    }

    /// Permit for one attempt. Each attempt asks, so that none is sent once the breaker is open.
    pub fn admit(&self) -> Result<Permit, GuardRefusal> {
        let permit = self.guard.let_in();
        let mut seen = self.seen();
        seen.was_sent |= permit.is_ok();
        seen.was_turned_away |= permit.is_err();
        permit
    }

    /// A success cancels the failures of the attempts before it.
    pub fn succeed(&self, permit: Permit) {
        self.seen().against = None;
        self.guard.succeed(permit);
    }

    /// Notes an error by its verdict. A failure is kept until the next attempt decides, except that
    /// of a probe: a failed probe is not retried (ADR 3).
    pub fn settle(&self, permit: Permit, verdict: Verdict) {
        match verdict {
            Verdict::Ill if !permit.is_probe() => self.seen().against = Some(permit),
            Verdict::Nothing => drop(permit),
            Verdict::Ill | Verdict::Answered | Verdict::Busy(_) => {
                self.seen().against = None;
                self.guard.settle(permit, verdict);
            }
        }
    }

    pub(super) async fn make<T, E: Fault>(
        &self,
        end: AttemptDeadline,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let permit = self.admit()?;
        let operation = pin!(operation);
        let result =
            // The limit is inside the permit: a hanging call must count, and a dropped one does
            // not.
            in_time(end.at, operation).await.unwrap_or_else(|| Err(end.refusal.into()));
        match &result {
            Ok(_) => self.succeed(permit),
            Err(error) => self.settle(permit, error.verdict()),
        }
        result
    }

    fn seen(&self) -> MutexGuard<'_, AttemptRecord> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attempts<'_> {
    /// Counts an abandoned call too if an attempt failed: users leave after waiting (ADR 3).
    fn drop(&mut self) {
        let AttemptRecord { was_sent, was_turned_away, against } =
            std::mem::take(&mut *self.seen());
        if let Some(permit) = against {
            permit.fail();
        } else if was_turned_away && !was_sent {
            self.guard.turn_away();
        }
    }
}
