//! What calls of a model cost: tokens, and money where the price is known.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::Cost;

/// Tokens used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Those of them that the provider had seen before, at a lower price.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Tokens of the answer, thinking not counted.
    pub output_tokens: u64,
    /// Tokens spent on thinking; billed like the answer.
    pub thinking_tokens: u64,
}

/// What calls of a model cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// In tokens.
    #[serde(flatten)]
    pub usage: Usage,
    /// In money, as far as it is known.
    #[serde(default)]
    pub cost: Cost,
    /// Calls whose cost is not known.
    #[serde(default = "one")]
    pub unpriced_calls: u64,
}

impl Usage {
    /// Everything that was read and written.
    pub const fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens).saturating_add(self.thinking_tokens)
    }
}

impl Spend {
    /// What one call cost.
    pub fn of_call(usage: Usage, cost: Option<Cost>) -> Self {
        let unpriced_calls = u64::from(cost.is_none());
        Self { usage, cost: cost.unwrap_or_default(), unpriced_calls }
    }

    /// What a call cost of which nothing is known.
    pub fn unknown() -> Self {
        Self::of_call(Usage::default(), None)
    }

    /// The money, if all of it is known.
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

/// A call written down before costs were is one whose cost is not known.
const fn one() -> u64 {
    1
}
