//! The attempts at one call, judged together: a call counts once, however often it was tried.
//!
//! One message that fails three times says no more of a dependency than one that fails once. If each
//! attempt counted, a single hard question would close the door on everybody (ADR 3).

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::{Fault, Guard, GuardRefusal, Permit, Verdict};

/// What the attempts at one call say of its dependency. It is counted when this is dropped.
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
    /// Of the last attempt that said anything, if it spoke against the dependency.
    against: Option<Permit>,
}

/// When an attempt ends, and what that says.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptDeadline {
    pub(super) at: Instant,
    pub(super) refusal: GuardRefusal,
}

impl<'a> Attempts<'a> {
    /// None was made yet.
    pub(super) fn of(guard: &'a Guard) -> Self {
        Self { guard, seen: Mutex::default() }
    }

    /// Asks leave for one attempt.
    pub fn admit(&self) -> Result<Permit, GuardRefusal> {
        let permit = self.guard.let_in();
        let mut seen = self.seen();
        seen.was_sent |= permit.is_ok();
        seen.was_turned_away |= permit.is_err();
        permit
    }

    /// Notes a success, which makes up for the attempts before it.
    pub fn succeed(&self, permit: Permit) {
        self.seen().against = None;
        self.guard.succeed(permit);
    }

    /// Notes an error by its verdict. What speaks against the dependency waits for the next attempt,
    /// unless this one was the probe, which is asked once.
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
        let result =
            timeout_at(end.at, operation).await.unwrap_or_else(|_| Err(end.refusal.into()));
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
    /// Also for a call that nobody waits for any more: one who leaves after a long silence has seen
    /// what there was to see.
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
