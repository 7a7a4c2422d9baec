//! The guards of dependencies: breakers and retries.

use std::time::Duration;

use super::env::Env;
use super::variables::Variable;
use crate::resilience::{BreakerSettings, GuardSettings};

/// The parts that operators cannot set.
pub(super) const GUARD: GuardSettings = GuardSettings {
    breaker: BreakerSettings { max_failures: 5, cool_down: Duration::from_secs(30) },
    retries: 2,
    min_delay: Duration::from_millis(200),
    max_delay: Duration::from_secs(2),
    jitter: true,
};

pub(super) fn guard(env: &mut Env, failures: &Variable, seconds: &Variable) -> GuardSettings {
    let max_failures = env.number(failures, 1..=1_000);
    let max_failures = u32::try_from(max_failures).unwrap_or(u32::MAX);
    let breaker = BreakerSettings { max_failures, cool_down: env.seconds(seconds) };
    GuardSettings { breaker, ..GUARD }
}
