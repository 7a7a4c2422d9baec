//! Whether and when a call is retried. What an error means is decided by its `Fault`.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::{GuardSettings, Repeat};

/// The most that is added at random to a named pause.
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

/// The retries of one call.
#[derive(Debug)]
pub(super) struct Repeats<'a> {
    settings: &'a GuardSettings,
    delays: ExponentialBackoff,
    was_silent: bool,
}

impl<'a> Repeats<'a> {
    pub(super) fn new(settings: &'a GuardSettings) -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(settings.min_delay)
            .with_max_delay(settings.max_delay)
            .with_max_times(settings.retries);
        let delays = if settings.jitter { delays.with_jitter() } else { delays }.build();
        Self { settings, delays, was_silent: false }
    }

    /// How long to wait before the next attempt; none if there is to be none. `cooling` is the rest
    /// of the pause that applies to every call.
    pub(super) fn next(&mut self, repeat: Repeat, cooling: Duration) -> Option<Duration> {
        let (own, named) = match repeat {
            Repeat::Never => return None,
            // A model with a fallback has no retries: the fallback is asked instead of waiting
            // (ADR 15).
            Repeat::Unsent(_) if self.settings.retries == 0 => return None,
            // Takes no delay from backon: waiting for a pause uses up no retry (ADR 3).
            Repeat::Unsent(named) => (Duration::ZERO, named),
            Repeat::Once if std::mem::replace(&mut self.was_silent, true) => return None,
            Repeat::Once | Repeat::AfterBackoff => (self.delays.next()?, Duration::ZERO),
            Repeat::After(named) => (self.delays.next()?, named),
        };
        let named = named.max(cooling);
        let named = if named.is_zero() { named } else { named + self.spread(named) };
        Some(own.max(named))
    }

    /// Callers that wait for the same moment would all call in that moment. Each waits up to a
    /// tenth of the pause longer (ADR 3).
    fn spread(&self, pause: Duration) -> Duration {
        if !self.settings.jitter {
            return Duration::ZERO;
        }
        let most = (pause / 10).clamp(self.settings.min_delay, LONGEST_SPREAD);
        // backon's jitter adds up to as much again, so the excess is a random part of `most`.
        let mut random = ExponentialBuilder::new().with_min_delay(most).with_jitter().build();
        random.next().unwrap_or(most).saturating_sub(most)
    }
}
