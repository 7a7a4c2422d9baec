//! A pause that a provider asked for: no verdict on its health, so no breaker.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Longer pauses are not believed.
const DAY: Duration = Duration::from_hours(24);

/// After a pause one call goes first, and with each step as many as before go as well: a provider
/// that is still busy says so to a few, not to everybody who waited for it. A step is about what a
/// refusal takes to come back.
const STEP: Duration = Duration::from_millis(500);
/// After so many steps everybody goes.
const STEPS: u32 = 10;

/// Holds calls back for as long as a provider asked.
#[derive(Debug, Default)]
pub struct Cooling(Mutex<CoolingPause>);

#[derive(Debug, Default)]
struct CoolingPause {
    until: Option<Instant>,
    /// The pause to take if the provider names none; doubles each time.
    unnamed: Option<Duration>,
    /// How many calls have gone since the pause was over.
    gone: u32,
}

impl Cooling {
    /// Lets a call go, or tells how long it must still wait.
    pub fn admit(&self) -> Result<(), Duration> {
        let mut state = self.state();
        let Some(over) = state.until else { return Ok(()) };
        let now = Instant::now();
        let since = now.checked_duration_since(over).ok_or_else(|| over - now)?;
        let step = (1..=STEPS).find(|step| since < STEP * *step);
        let Some(step) = step else { return Ok(()) };
        if state.gone >= 1 << (step - 1) {
            return Err((STEP * step).saturating_sub(since));
        }
        state.gone += 1;
        Ok(())
    }

    /// How long calls must still wait.
    pub fn remaining(&self) -> Option<Duration> {
        self.state().left()
    }

    /// Notes that the provider asked for a pause, and returns how long calls must wait.
    ///
    /// Many calls may hear of one and the same: within a pause an unnamed one is no other.
    pub fn hold(&self, named: Option<Duration>) -> Duration {
        let mut state = self.state();
        let left = state.left().unwrap_or_default();
        let pause = match named {
            Some(named) => named.min(DAY).max(left),
            None if left.is_zero() => state.next_unnamed(),
            None => left,
        };
        (state.until, state.gone) = (Some(Instant::now() + pause), 0);
        pause
    }

    /// Notes that a call went through.
    pub fn clear(&self) {
        *self.state() = CoolingPause::default();
    }

    fn state(&self) -> MutexGuard<'_, CoolingPause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CoolingPause {
    fn left(&self) -> Option<Duration> {
        let left = self.until?.checked_duration_since(Instant::now());
        left.filter(|left| !left.is_zero())
    }

    fn next_unnamed(&mut self) -> Duration {
        let pause = self.unnamed.map_or(FIRST_PAUSE, |last| last * 2).min(LONGEST_PAUSE);
        self.unnamed = Some(pause);
        pause
    }
}
