//! Due times: a day, or a floating local time. Never an instant (ADR 10).

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimeParser;

/// A calendar day, or a minute as the user's clock will show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Day(Date),
    Minute(DateTime),
}

/// Why a text is not a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDue {
    Unreadable,
    /// It is an instant, because it has an offset or a zone.
    Instant,
}

/// The length of `2026-11-22`.
const DATE_LENGTH: usize = 10;

static PARSER: DateTimeParser = DateTimeParser::new();

impl Due {
    /// Reads `2026-11-22` or `2026-11-22T17:00`. Seconds are checked and dropped, because models
    /// write them.
    pub(super) fn parse(text: &str) -> Result<Self, NoDue> {
        let text = text.trim();
        let date = text.get(..DATE_LENGTH).and_then(|date| date.parse::<Date>().ok());
        let (date, rest) = date.zip(text.get(DATE_LENGTH..)).ok_or(NoDue::Unreadable)?;
        if rest.is_empty() {
            return Ok(Self::Day(date));
        }
        let clock = rest.strip_prefix(['T', 't', ' ']).ok_or(NoDue::Unreadable)?;
        // Refused, not dropped: `17:00Z` silently became five o'clock local time. Converting would
        // need the user's zone, which this server does not know (ADR 10).
        if clock.contains(['Z', 'z', '+', '-', '[']) {
            return Err(NoDue::Instant);
        }
        let time = PARSER.parse_datetime(text).map_err(|_| NoDue::Unreadable)?;
        let minute = time.with().second(0).subsec_nanosecond(0).build();
        minute.map(Self::Minute).map_err(|_| NoDue::Unreadable)
    }

    pub(super) fn date(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Minute(time) => time.date(),
        }
    }

    /// A number that sorts like time, because the databases order texts differently. A whole day
    /// comes before its minutes (ADR 10).
    pub(super) fn key(self) -> i64 {
        match self {
            Self::Day(day) => day_key(day),
            Self::Minute(time) => {
                day_key(time.date()) + i64::from(time.hour()) * 100 + i64::from(time.minute()) + 1
            }
        }
    }
}

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
