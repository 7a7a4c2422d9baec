//! The limits of a key, in the file of keys (ADR 30).

use std::fmt;

use base::domain::{CallerLimits, Cost};
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// As they are written; what is absent is the limit for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_per_minute: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_at_once: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd_per_day: Option<Number>,
}

impl KeyLimits {
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// The limits, if each lies in its range.
    pub(super) fn checked(&self) -> Option<CallerLimits> {
        let cost_per_day = match &self.cost_usd_per_day {
            // By way of its shortest decimal form, which is what the file has: 0.1 stays exact.
            Some(dollars) => Some(dollars.as_f64()?.to_string().parse::<Cost>().ok()?),
            None => None,
        };
        let limits = CallerLimits {
            turns_per_minute: self.turns_per_minute,
            turns_at_once: self.turns_at_once,
            tokens_per_day: self.tokens_per_day,
            cost_per_day,
        };
        limits.are_possible().then_some(limits)
    }
}

impl fmt::Display for KeyLimits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |limit: Option<String>, what| limit.map(|limit| format!("{limit} {what}"));
        let number = |limit: Option<u64>| limit.map(|limit| limit.to_string());
        let cost = self.cost_usd_per_day.as_ref().map(|dollars| format!("${dollars}"));
        let parts = [
            part(number(self.turns_per_minute), "turns/min"),
            part(number(self.turns_at_once), "at once"),
            part(number(self.tokens_per_day), "tokens/day"),
            part(cost, "a day"),
        ];
        out.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
