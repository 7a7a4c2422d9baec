//! What requests to a model cost: tokens, and money if the price is known (ADR 16).

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::Cost;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub input_tokens: u64,
    /// Those of the prompt that the provider had cached, at a lower price.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Without thinking.
    pub output_tokens: u64,
    /// Billed like the answer.
    pub thinking_tokens: u64,
}

/// The cost of one or more requests to a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    #[serde(flatten)]
    pub usage: Usage,
    /// The part that is known.
    #[serde(default)]
    pub cost: Cost,
    /// Requests of unknown cost. If there are any, `cost` is only a lower bound.
    #[serde(default = "one")]
    pub unpriced_calls: u64,
}

/// What may have been used of what no provider told. It counts for limits, and is never added to what
/// is known (ADR 30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    pub tokens: u64,
    /// Nothing if the price is not known.
    pub cost: Cost,
}

impl Usage {
    /// Everything that was read and written.
    pub const fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens).saturating_add(self.thinking_tokens)
    }
}

impl Spend {
    /// The cost of one request; `None` if its price is unknown.
    pub fn of_call(usage: Usage, cost: Option<Cost>) -> Self {
        let unpriced_calls = u64::from(cost.is_none());
        Self { usage, cost: cost.unwrap_or_default(), unpriced_calls }
    }

    /// The cost of a request of which nothing is known.
    pub fn unknown() -> Self {
        Self::of_call(Usage::default(), None)
    }

    /// The cost, if all of it is known. A part would look like the whole (ADR 16).
    pub fn whole_cost(&self) -> Option<Cost> {
        Some(self.cost).filter(|_| self.unpriced_calls == 0)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.input_tokens = self.input_tokens.saturating_add(more.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(more.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(more.output_tokens);
        self.thinking_tokens = self.thinking_tokens.saturating_add(more.thinking_tokens);
    }
}

impl AddAssign for Spend {
    fn add_assign(&mut self, more: Self) {
        self.usage += more.usage;
        self.cost = self.cost + more.cost;
        self.unpriced_calls = self.unpriced_calls.saturating_add(more.unpriced_calls);
    }
}

impl AddAssign for Estimate {
    fn add_assign(&mut self, more: Self) {
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.cost = self.cost + more.cost;
    }
}

impl Add for Spend {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}

impl fmt::Display for Spend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} tokens", self.usage.total())?;
        match self.whole_cost() {
            Some(cost) => write!(out, " ({cost})"),
            None if self.cost > Cost::default() => write!(out, " (at least {})", self.cost),
            None => Ok(()),
        }
    }
}

/// Stored calls without this member are older than prices, so their cost is unknown.
const fn one() -> u64 {
    1
}
