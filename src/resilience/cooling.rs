//! A pause that a provider asked for: no verdict on its health, so no breaker.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Longer pauses are not believed.
const DAY: Duration = Duration::from_hours(24);

/// Holds calls back for as long as a provider asked.
#[derive(Debug, Default)]
pub struct Cooling(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    /// The pause to take if the provider names none; doubles each time.
    unnamed: Option<Duration>,
}

impl Cooling {
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
        state.until = Some(Instant::now() + pause);
        pause
    }

    /// Notes that a call went through.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
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
