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
        let until = self.state().until?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Notes that the provider asked for a pause, and returns its length.
    pub fn hold(&self, named: Option<Duration>) -> Duration {
        let mut state = self.state();
        let pause = named.unwrap_or_else(|| {
            let pause = state.unnamed.map_or(FIRST_PAUSE, |last| last * 2).min(LONGEST_PAUSE);
            state.unnamed = Some(pause);
            pause
        });
        let pause = pause.min(DAY);
        let until = Instant::now() + pause;
        state.until = Some(state.until.map_or(until, |other| other.max(until)));
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
