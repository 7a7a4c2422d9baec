//! Reads due times: "tomorrow at 5pm", "in two weeks", "on 3 december".

use jiff::civil::{Date, DateTime, Time};
use jiff::{ToSpan, Zoned};

use super::days::{Lead, read_day};
use super::times::{Bare, part_of_day, read_time};

/// A due date, with a time if there is one. Floating: the user's clock, no zone (ADR 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::brain) struct Due {
    pub(in crate::brain) date: Date,
    pub(in crate::brain) time: Option<Time>,
}

/// The day and the time that were said; at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) struct When {
    pub(in crate::brain) date: Option<Date>,
    pub(in crate::brain) time: Option<Time>,
}

/// A due phrase, and how many words it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) struct Found {
    pub(in crate::brain) when: When,
    pub(in crate::brain) used: usize,
    pub(in crate::brain) lead: Lead,
}

/// A length of time, as in "by two days".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) struct Delay {
    pub(in crate::brain) count: i32,
    pub(in crate::brain) unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

impl Due {
    /// Reads `2026-11-22` or `2026-11-22T17:00`. Seconds and an offset, as other servers send them,
    /// are ignored.
    pub(in crate::brain) fn parse(text: &str) -> Option<Due> {
        let date: Date = text.get(..10)?.parse().ok()?;
        let time = text.get(11..16).and_then(|time| time.parse().ok());
        Some(Due { date, time })
    }

    /// The form that the todo server accepts.
    pub(in crate::brain) fn text(self) -> String {
        let time = |time: Time| format!("{}T{:02}:{:02}", self.date, time.hour(), time.minute());
        self.time.map_or_else(|| self.date.to_string(), time)
    }

    /// None if the result is outside of the calendar.
    pub(in crate::brain) fn later(self, delay: Delay) -> Option<Due> {
        let moment = DateTime::from_parts(self.date, self.time.unwrap_or(Time::midnight()));
        let moved = delay.after(moment)?;
        let timed = self.time.is_some() || matches!(delay.unit, Unit::Minutes | Unit::Hours);
        Some(Due { date: moved.date(), time: timed.then(|| moved.time()) })
    }
}

impl When {
    /// Completes what was not said: a time alone means its next occurrence.
    pub(in crate::brain) fn settle(self, now: &Zoned) -> Due {
        let today = now.date();
        let passed = self.time.is_some_and(|time| time <= now.time());
        let next = if passed { today.tomorrow().unwrap_or(today) } else { today };
        Due { date: self.date.unwrap_or(next), time: self.time }
    }
}

impl Delay {
    fn after(self, moment: DateTime) -> Option<DateTime> {
        let count = i64::from(self.count);
        let span = match self.unit {
            Unit::Minutes => count.minutes(),
            Unit::Hours => count.hours(),
            Unit::Days => count.days(),
            // Limits, because jiff panics on spans beyond its range.
            Unit::Weeks => i64::from(self.count.min(100_000)).weeks(),
            Unit::Months => i64::from(self.count.min(100_000)).months(),
            Unit::Years => i64::from(self.count.min(9_000)).years(),
        };
        moment.checked_add(span).ok()
    }
}

/// The due phrase at the start of the words.
pub(in crate::brain) fn read_when(lowers: &[&str], now: &Zoned) -> Option<Found> {
    let (lead, skipped) = lead(lowers);
    let at = |count: usize| lowers.get(count..).unwrap_or_default();
    let bare = bare_after(at(skipped.saturating_sub(1)), skipped);
    let (mut when, mut used) = read_part(at(skipped), now, lead, bare)?;
    used += skipped;
    if let Some((more, count)) = read_rest(at(used), when, now) {
        when = more;
        used += count;
    }
    Some(Found { when, used, lead })
}

/// The span at the start of the words: "3 days", "a week".
pub(in crate::brain) fn read_delay(lowers: &[&str]) -> Option<(Delay, usize)> {
    let (count, unit, used) = match lowers {
        ["half", "an", "hour", ..] => return Some((Delay { count: 30, unit: Unit::Minutes }, 3)),
        ["a", "couple", "of", unit, ..] => (2, unit, 4),
        ["another", unit, ..] => (1, unit, 2),
        [count, unit, ..] => (number(count)?, unit, 2),
        _ => return None,
    };
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" | "min" => Unit::Minutes,
        "hour" => Unit::Hours,
        "day" => Unit::Days,
        "week" => Unit::Weeks,
        "month" => Unit::Months,
        "year" => Unit::Years,
        _ => return None,
    };
    Some((Delay { count, unit }, used))
}

/// A small number in digits or words.
pub(in crate::brain) fn number(word: &str) -> Option<i32> {
    const NAMES: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    if matches!(word, "a" | "an") {
        return Some(1);
    }
    let named = NAMES.iter().position(|name| *name == word).and_then(|at| i32::try_from(at).ok());
    let digits = !word.is_empty() && word.len() < 5 && word.chars().all(|c| c.is_ascii_digit());
    named.or_else(|| if digits { word.parse().ok() } else { None })
}

/// The words that introduce a due phrase, and their number.
fn lead(lowers: &[&str]) -> (Lead, usize) {
    const STRONG: &[&str] = &["due", "by", "on", "at", "until", "till", "before"];
    let count = lowers
        .iter()
        .take(3)
        .take_while(|word| STRONG.contains(*word) || matches!(**word, "for" | ":"))
        .count();
    let strong = lowers.iter().take(count).any(|word| STRONG.contains(word));
    let lead = match (count, strong) {
        (0, _) => Lead::None,
        (_, true) => Lead::Strong,
        (_, false) => Lead::Weak,
    };
    (lead, count)
}

fn bare_after(lowers: &[&str], skipped: usize) -> Bare {
    match lowers.first() {
        Some(&("at" | "by" | "until" | "till" | "before")) if skipped > 0 => Bare::Allowed,
        _ => Bare::Refused,
    }
}

fn read_part(lowers: &[&str], now: &Zoned, lead: Lead, bare: Bare) -> Option<(When, usize)> {
    if let Some(found) = read_span(lowers, now) {
        return Some(found);
    }
    if let ["tonight", ..] = lowers {
        return Some((When { date: Some(now.date()), time: part_of_day("night") }, 1));
    }
    if let Some((time, used)) = read_time(lowers, bare) {
        let today = lowers.first() == Some(&"this");
        return Some((When { date: today.then(|| now.date()), time: Some(time) }, used));
    }
    let (date, used) = read_day(lowers, now.date(), lead)?;
    let time = lowers.get(used).and_then(|word| part_of_day(word));
    Some((When { date: Some(date), time }, used + usize::from(time.is_some())))
}

/// "in 3 days", "within a week", "two weeks from now", "in 2 hours".
fn read_span(lowers: &[&str], now: &Zoned) -> Option<(When, usize)> {
    let (delay, used) = match lowers {
        ["in" | "within", rest @ ..] => read_delay(rest).map(|(delay, used)| (delay, used + 1))?,
        [] => return None,
        [..] => {
            let (delay, used) = read_delay(lowers)?;
            let tail = lowers.get(used..).unwrap_or_default();
            let ["from", "now" | "today", ..] = tail else { return None };
            (delay, used + 2)
        }
    };
    let timed = matches!(delay.unit, Unit::Minutes | Unit::Hours);
    let time = timed.then(|| now.time());
    let due = Due { date: now.date(), time }.later(delay)?;
    Some((When { date: Some(due.date), time: due.time }, used))
}

/// The other half of "tomorrow at 5pm" or "at 5pm on friday".
fn read_rest(lowers: &[&str], first: When, now: &Zoned) -> Option<(When, usize)> {
    let links = lowers.iter().take_while(|word| matches!(**word, "at" | "on" | "by" | ",")).count();
    let rest = lowers.get(links..).unwrap_or_default();
    let bare = bare_after(lowers.get(links.saturating_sub(1)..).unwrap_or_default(), links);
    if first.date.is_none() {
        let lead = if links > 0 { Lead::Strong } else { Lead::None };
        let (date, used) = read_day(rest, now.date(), lead)?;
        return Some((When { date: Some(date), time: first.time }, used + links));
    }
    let (time, used) = read_time(rest, bare)?;
    // "tonight at 9" and "tomorrow evening at 7" mean p.m.
    let late = first.time.is_some_and(|part| part.hour() >= 12) && time.hour() < 12;
    let time = if late { Time::new(time.hour() + 12, time.minute(), 0, 0).ok()? } else { time };
    Some((When { date: first.date, time: Some(time) }, used + links))
}
