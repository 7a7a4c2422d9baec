//! What a turn may cost before it has to stop.

use std::fmt;

use crate::domain::{Cost, Spend};

/// What a turn may cost; none is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpendBudget {
    /// In tokens, read and written.
    pub max_tokens: Option<u64>,
    /// In money, as far as prices are known.
    pub max_cost: Option<Cost>,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Of tokens.
    Tokens(u64),
    /// Of money.
    Cost(Cost),
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overspent {
    /// What was spent.
    pub spent: Spend,
    /// What was reached by it.
    pub limit: Limit,
}

impl SpendBudget {
    /// The limit that this reaches, if it reaches one.
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
