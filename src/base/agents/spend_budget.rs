//! What a turn may cost (ADR 16).

use std::fmt;

use crate::domain::{Cost, Spend};

/// What a turn may cost; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpendBudget {
    /// Read and written.
    pub max_tokens: Option<u64>,
    /// Only requests with a known price count.
    pub max_cost: Option<Cost>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Tokens(u64),
    Cost(Cost),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overspent {
    pub spent: Spend,
    /// The limit that was reached.
    pub limit: Limit,
}

impl SpendBudget {
    /// The limit that is reached, of tokens first.
    pub(super) fn reached_by(&self, spent: &Spend) -> Option<Overspent> {
        let tokens = self.max_tokens.filter(|max| spent.usage.total() >= *max).map(Limit::Tokens);
        let cost = self.max_cost.filter(|max| spent.cost >= *max).map(Limit::Cost);
        tokens.or(cost).map(|limit| Overspent { spent: *spent, limit })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(1) => out.write_str("1 token"),
            Self::Tokens(max) => write!(out, "{max} tokens"),
            Self::Cost(max) => max.fmt(out),
        }
    }
}
