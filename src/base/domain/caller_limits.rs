//! What one caller may use (ADR 30).

use super::Cost;

/// The limits of a caller; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// Turns that may begin within any minute.
    pub turns_per_minute: Option<u64>,
    /// Turns that may run or wait at the same time.
    pub turns_at_once: Option<u64>,
    /// Read and written on one day (UTC).
    pub tokens_per_day: Option<u64>,
    /// For requests with a known price, on one day (UTC).
    pub cost_per_day: Option<Cost>,
}

impl CallerLimits {
    /// The most turns of a minute, and at once.
    pub const MAX_TURNS: u64 = 1_000_000;
    /// The most tokens of a day.
    pub const MAX_TOKENS: u64 = 1_000_000_000_000;
    /// The least of a day: the smallest amount that is shown.
    pub const MIN_COST: Cost = Cost::SHOWN;
    /// The most dollars of a day: a million.
    pub const MAX_COST: Cost = Cost::from_nanos(1_000_000_000_000_000);

    /// Whether each limit lies in its range.
    pub fn are_possible(&self) -> bool {
        let is_in = |limit: Option<u64>, most| limit.is_none_or(|it| (1..=most).contains(&it));
        is_in(self.turns_per_minute, Self::MAX_TURNS)
            && is_in(self.turns_at_once, Self::MAX_TURNS)
            && is_in(self.tokens_per_day, Self::MAX_TOKENS)
            && self.cost_per_day.is_none_or(|it| (Self::MIN_COST..=Self::MAX_COST).contains(&it))
    }

    /// These limits, and the `others` where there is none.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            turns_per_minute: self.turns_per_minute.or(others.turns_per_minute),
            turns_at_once: self.turns_at_once.or(others.turns_at_once),
            tokens_per_day: self.tokens_per_day.or(others.tokens_per_day),
            cost_per_day: self.cost_per_day.or(others.cost_per_day),
        }
    }

    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether turns must be counted when they begin.
    pub const fn count_turns(&self) -> bool {
        self.turns_per_minute.is_some() || self.turns_at_once.is_some()
    }
}
