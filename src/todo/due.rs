//! When a todo is due: a day, or a time of day where the person is.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimeParser;

/// A calendar day, or a minute as the person's wall clock will show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Day(Date),
    Minute(DateTime),
}

/// Why a text names no due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDue {
    /// It is none.
    Unreadable,
    /// It names a moment, by its offset or zone.
    Instant,
}

/// As in `2026-11-22`.
const DATE_LENGTH: usize = 10;

static PARSER: DateTimeParser = DateTimeParser::new();

impl Due {
    /// Reads `2026-11-22` or `2026-11-22T17:00`; seconds are checked and dropped.
    pub(super) fn parse(text: &str) -> Result<Self, NoDue> {
        let text = text.trim();
        let date = text.get(..DATE_LENGTH).and_then(|date| date.parse::<Date>().ok());
        let (date, rest) = date.zip(text.get(DATE_LENGTH..)).ok_or(NoDue::Unreadable)?;
        if rest.is_empty() {
            return Ok(Self::Day(date));
        }
        let clock = rest.strip_prefix(['T', 't', ' ']).ok_or(NoDue::Unreadable)?;
        // Whose five o'clock it is, nobody here can tell (ADR 10).
        if clock.contains(['Z', 'z', '+', '-', '[']) {
            return Err(NoDue::Instant);
        }
        let time = PARSER.parse_datetime(text).map_err(|_| NoDue::Unreadable)?;
        let minute = time.with().second(0).subsec_nanosecond(0).build();
        minute.map(Self::Minute).map_err(|_| NoDue::Unreadable)
    }

    /// The day it falls on.
    pub(super) fn date(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Minute(time) => time.date(),
        }
    }

    /// A number that sorts like time; a whole day comes before its minutes.
    pub(super) fn key(self) -> i64 {
        match self {
            Self::Day(day) => day_key(day),
            Self::Minute(time) => {
                day_key(time.date()) + i64::from(time.hour()) * 100 + i64::from(time.minute()) + 1
            }
        }
    }
}

/// The key of a whole day.
pub(super) fn day_key(day: Date) -> i64 {
    let (year, month) = (i64::from(day.year()), i64::from(day.month()));
    ((year * 100 + month) * 100 + i64::from(day.day())) * 10_000
}

impl fmt::Display for Due {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(out, "{day}"),
            Self::Minute(time) => write!(out, "{}", time.strftime("%Y-%m-%dT%H:%M")),
        }
    }
}
