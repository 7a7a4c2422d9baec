//! Compares what was used with what may be used. Pure: a test compares it with a table.

use std::time::Duration;

use super::super::Used;
use base::domain::{CallerLimits, Cost};

/// When to try again if only the end of another turn makes room: nobody knows when that is.
const SOON: Duration = Duration::from_secs(5);

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    TurnsPerMinute,
    TurnsAtOnce,
    TokensPerDay,
    /// In billionths of a US dollar.
    CostPerDay,
}

/// One limit of a caller, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub policy: Policy,
    pub limit: u64,
    /// May be more than the limit: what a turn costs is known when it ends.
    pub used: u64,
    /// When more is left, at the latest; `None` if that depends on when turns end.
    pub resets_in: Option<Duration>,
}

/// All limits of a caller. Empty if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance(Vec<Share>);

impl Share {
    pub const fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub const fn is_used_up(&self) -> bool {
        self.used >= self.limit
    }

    fn told(&self) -> String {
        let limit = self.limit;
        match self.policy {
            Policy::TurnsPerMinute => {
                format!("You may send {} a minute.", counted(limit, "message"))
            }
            Policy::TurnsAtOnce => {
                format!("You may have {} written at the same time.", counted(limit, "answer"))
            }
            Policy::TokensPerDay => {
                format!("You have used what you may use today: {}.", counted(limit, "token"))
            }
            Policy::CostPerDay => {
                let limit = Cost::from_nanos(limit);
                format!("You have used what you may use today: {limit}.")
            }
        }
    }
}

impl Allowance {
    pub fn new(limits: &CallerLimits, used: &Used) -> Self {
        let share = |policy, limit: Option<u64>, used, resets_in| {
            limit.map(|limit| Share { policy, limit, used, resets_in })
        };
        let (minute, day) = (Some(used.minute_frees_in), Some(used.day_ends_in));
        let cost = limits.cost_per_day.map(Cost::nanos);
        let shares = [
            share(Policy::TurnsPerMinute, limits.turns_per_minute, used.turns_of_minute, minute),
            share(Policy::TurnsAtOnce, limits.turns_at_once, used.turns_at_once, None),
            share(Policy::TokensPerDay, limits.tokens_per_day, used.tokens_today, day),
            share(Policy::CostPerDay, cost, used.cost_today.nanos(), day),
        ];
        Self(shares.into_iter().flatten().collect())
    }

    /// The same a moment later.
    pub(super) fn after(&self, time: Duration) -> Self {
        let later = |share: &Share| Share {
            resets_in: share.resets_in.map(|resets_in| resets_in.saturating_sub(time)),
            ..*share
        };
        Self(self.0.iter().map(later).collect())
    }

    /// The same without the turn that was counted last: a replay is counted before it is known, and
    /// then taken back.
    pub(crate) fn without_it(&self) -> Self {
        let less = |share: &Share| match share.policy {
            Policy::TurnsPerMinute | Policy::TurnsAtOnce => {
                Share { used: share.used.saturating_sub(1), ..*share }
            }
            Policy::TokensPerDay | Policy::CostPerDay => *share,
        };
        Self(self.0.iter().map(less).collect())
    }

    pub fn shares(&self) -> &[Share] {
        &self.0
    }

    /// Whether one more turn may begin.
    pub fn has_room(&self) -> bool {
        self.used_up().next().is_none()
    }

    /// The limits that are reached.
    pub fn used_up(&self) -> impl Iterator<Item = &Share> {
        self.0.iter().filter(|share| share.is_used_up())
    }

    /// When all limits that are reached may have room again.
    pub fn retry_in(&self) -> Duration {
        let waits = self.used_up().map(|share| share.resets_in.unwrap_or(SOON));
        waits.max().unwrap_or(SOON).max(Duration::from_secs(1))
    }

    /// For the user: the limits that are reached, and when to try again.
    pub fn told(&self) -> String {
        let sentences: Vec<_> = self.used_up().map(Share::told).collect();
        format!("{} Try again in {}.", sentences.join(" "), words(self.retry_in()))
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Rounded up, so that whoever waits is not refused again.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    match seconds {
        0..=120 => format!("{seconds} s"),
        121..=7_200 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3_600)),
    }
}
