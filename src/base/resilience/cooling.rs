//! A pause that a provider asked for. It says nothing about its health, so it is not the breaker's
//! (ADR 3).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A longer pause is not believed.
const DAY: Duration = Duration::from_hours(24);

/// After a pause one call goes first, and with each step twice as many: a provider that is still
/// busy refuses a few, not all 500 that waited. A ramp and not one probe, because a probe may take
/// half a minute. A step is about as long as a refusal takes (ADR 3).
const STEP: Duration = Duration::from_millis(500);
/// After this many steps, five seconds, there is no limit.
const STEPS: u32 = 10;

/// Holds calls back for as long as a provider asks.
#[derive(Debug, Default)]
pub struct Cooling(Mutex<CoolingPause>);

#[derive(Debug, Default)]
struct CoolingPause {
    until: Option<Instant>,
    /// The last pause without a named length; the next one is twice as long.
    unnamed: Option<Duration>,
    /// Calls admitted since the pause was over.
    gone: u32,
}

impl Cooling {
    /// Admits a call, or returns how long it must still wait.
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

    pub fn remaining(&self) -> Option<Duration> {
        self.state().left()
    }

    /// The provider asked for a pause. Returns how long calls must wait.
    ///
    /// Many calls may be refused for the same reason: within a pause, one without a named length is
    /// not a new one, or 500 refusals would double it 500 times.
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

    /// A call went through.
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
