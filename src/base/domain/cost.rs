//! Money in whole billionths of a dollar: sums of floating-point numbers drift (ADR 16).

use std::fmt;
use std::ops::Add;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const NANOS: u64 = 1_000_000_000;
const DECIMALS: usize = 9;

/// An amount of US dollars.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cost(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is written like 0.05, with at most nine decimals")]
pub struct InvalidCost;

impl Cost {
    /// The smallest amount that is shown.
    pub const SHOWN: Self = Self(100_000);

    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// In dollars, as the closest number.
    pub fn usd(self) -> f64 {
        // Digits and one point always make a number.
        format!("{}.{:09}", self.0 / NANOS, self.0 % NANOS).parse().unwrap_or_default()
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        // Saturating: an absurd price must not end a turn with a panic.
        Self(self.0.saturating_add(more.0))
    }
}

impl FromStr for Cost {
    type Err = InvalidCost;

    /// Reads plain decimals: no sign, no exponent, at most nine decimals.
    fn from_str(text: &str) -> Result<Self, InvalidCost> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS {
            return Err(InvalidCost);
        }
        let whole: u64 = whole.parse().map_err(|_| InvalidCost)?;
        let nanos: u64 = format!("{decimals:0<DECIMALS$}").parse().map_err(|_| InvalidCost)?;
        let whole = whole.checked_mul(NANOS).ok_or(InvalidCost)?;
        whole.checked_add(nanos).map(Self).ok_or(InvalidCost)
    }
}

impl fmt::Display for Cost {
    /// Two to four decimals. A smaller amount is shown as the smallest, not as nothing.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up: a cost is never shown as smaller than it is.
        let shown = self.0.div_ceil(Self::SHOWN.0);
        let (dollars, rest) = (shown / 10_000, shown % 10_000);
        let (cents, finer) = (rest / 100, rest % 100);
        write!(out, "${dollars}.{cents:02}")?;
        if finer == 0 { Ok(()) } else { write!(out, "{finer:02}") }
    }
}
