//! Whether and when a call is made again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::{GuardSettings, Repeat};

/// The most that is added at random to a pause that somebody named.
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

/// The repeats of one call.
#[derive(Debug)]
pub(super) struct Repeats<'a> {
    settings: &'a GuardSettings,
    delays: ExponentialBackoff,
    was_silent: bool,
}

impl<'a> Repeats<'a> {
    /// As many as the settings allow.
    pub(super) fn new(settings: &'a GuardSettings) -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(settings.min_delay)
            .with_max_delay(settings.max_delay)
            .with_max_times(settings.retries);
        let delays = if settings.jitter { delays.with_jitter() } else { delays }.build();
        Self { settings, delays, was_silent: false }
    }

    /// How long to wait before the next attempt, if there is to be one; `cooling` is what is left of
    /// a pause that holds for every call.
    pub(super) fn next(&mut self, repeat: Repeat, cooling: Duration) -> Option<Duration> {
        let (own, named) = match repeat {
            Repeat::Never => return None,
            // Whoever may not repeat has another to turn to, and does not wait.
            Repeat::Unsent(_) if self.settings.retries == 0 => return None,
            Repeat::Unsent(named) => (Duration::ZERO, named),
            Repeat::Once if std::mem::replace(&mut self.was_silent, true) => return None,
            Repeat::Once | Repeat::AfterBackoff => (self.delays.next()?, Duration::ZERO),
            Repeat::After(named) => (self.delays.next()?, named),
        };
        let named = named.max(cooling);
        let named = if named.is_zero() { named } else { named + self.spread(named) };
        Some(own.max(named))
    }

    /// All who wait for one moment would come in that moment: each comes a little later instead, by
    /// up to a tenth of the pause.
    fn spread(&self, pause: Duration) -> Duration {
        if !self.settings.jitter {
            return Duration::ZERO;
        }
        let most = (pause / 10).clamp(self.settings.min_delay, LONGEST_SPREAD);
        // backon's jitter adds up to as much again.
        let mut random = ExponentialBuilder::new().with_min_delay(most).with_jitter().build();
        random.next().unwrap_or(most).saturating_sub(most)
    }
}
