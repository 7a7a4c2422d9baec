//! Reads a day: "tomorrow", "next monday", "3 december", "the end of the month".

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::patterns;

const WEEKDAYS: [(&str, &[&str], Weekday); 7] = [
    ("monday", &["mon"], Weekday::Monday),
    ("tuesday", &["tue", "tues"], Weekday::Tuesday),
    ("wednesday", &["wed"], Weekday::Wednesday),
    ("thursday", &["thu", "thur", "thurs"], Weekday::Thursday),
    ("friday", &["fri"], Weekday::Friday),
    ("saturday", &["sat"], Weekday::Saturday),
    ("sunday", &["sun"], Weekday::Sunday),
];

const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// How a phrase is introduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Lead {
    /// By "on", "at", "by" and the like.
    Strong,
    /// By "for".
    Weak,
    /// Not at all.
    None,
}

/// The day at the start of a phrase, and its number of words.
pub(in crate::brain) fn read_day(
    lowers: &[&str],
    today: Date,
    lead: Lead,
) -> Option<(Date, usize)> {
    if let ["the", rest @ ..] = lowers {
        let (date, used) = read_day(rest, today, lead)?;
        return Some((date, used + 1));
    }
    near(lowers, today)
        .or_else(|| weekday_phrase(lowers, today, lead))
        .or_else(|| period(lowers, today))
        .or_else(|| calendar(lowers, today, lead))
}

/// The Monday of the week a day is in.
pub(in crate::brain) fn week_start(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(back.days()).unwrap_or(day)
}

/// The day itself if the result is outside of the calendar.
pub(in crate::brain) fn plus_days(day: Date, count: i64) -> Date {
    day.checked_add(count.days()).unwrap_or(day)
}

/// Whether a title still ends in a date after its due date was removed: one such as 31 February
/// cannot be read.
pub(in crate::brain) fn ends_in_day(lowers: &[&str]) -> bool {
    match lowers {
        [.., "on" | "by" | "for", day, name] => day_number(day).is_some() && month(name).is_some(),
        _ => false,
    }
}

fn near(lowers: &[&str], today: Date) -> Option<(Date, usize)> {
    match lowers {
        ["today" | "eod", ..] => Some((today, 1)),
        [word, ..] if patterns::has("tomorrow", word) => Some((plus_days(today, 1), 1)),
        ["day", "after", "tomorrow", ..] => Some((plus_days(today, 2), 3)),
        ["end", "of", "day", ..] => Some((today, 3)),
        ["end", "of", "the", "day", ..] => Some((today, 4)),
        _ => None,
    }
}

/// A weekday alone is its next occurrence after today; "next" means the week after this one.
fn weekday_phrase(lowers: &[&str], today: Date, lead: Lead) -> Option<(Date, usize)> {
    let next_week = plus_days(week_start(today), 7);
    let of_week =
        |monday: Date, day: Weekday| plus_days(monday, i64::from(day.to_monday_zero_offset()));
    match lowers {
        ["next", "week", "on", day, ..] => Some((of_week(next_week, weekday(day, lead)?), 4)),
        ["next", "week", day, ..] if weekday(day, Lead::None).is_some() => {
            Some((of_week(next_week, weekday(day, Lead::None)?), 3))
        }
        ["next", day, ..] => Some((of_week(next_week, weekday(day, Lead::Strong)?), 2)),
        ["this" | "coming", day, ..] => Some((upcoming(today, weekday(day, Lead::Strong)?), 2)),
        [day, "next", "week", ..] => Some((of_week(next_week, weekday(day, lead)?), 3)),
        [day, ",", rest @ ..] if weekday(day, lead).is_some() => {
            let dated = calendar(rest, today, lead).map(|(date, used)| (date, used + 2));
            dated.or_else(|| Some((upcoming(today, weekday(day, lead)?), 1)))
        }
        [day, rest @ ..] => {
            let day = weekday(day, lead)?;
            let dated = month_day(rest, today).map(|(date, used)| (date, used + 1));
            dated.or_else(|| Some((upcoming(today, day), 1)))
        }
        [] => None,
    }
}

fn period(lowers: &[&str], today: Date) -> Option<(Date, usize)> {
    let monday = week_start(today);
    let first = today.first_of_month();
    let next_month = first.checked_add(1.month()).ok()?;
    let next_year = Date::new(today.year().checked_add(1)?, 1, 1).ok()?;
    let saturday = if today.weekday() == Weekday::Sunday { today } else { plus_days(monday, 5) };
    let sunday = plus_days(monday, 6);
    match lowers {
        ["next", "week", ..] => Some((plus_days(monday, 7), 2)),
        ["this", "week", ..] => Some((sunday, 2)),
        ["this", "weekend", ..] => Some((saturday, 2)),
        ["weekend", ..] => Some((saturday, 1)),
        ["next", "weekend", ..] => Some((plus_days(monday, 12), 2)),
        ["next", "month", ..] => Some((next_month, 2)),
        ["this", "month", ..] => Some((today.last_of_month(), 2)),
        ["next", "year", ..] => Some((next_year, 2)),
        ["end", "of", rest @ ..] => {
            let the = usize::from(matches!(rest, ["the" | "this", ..]));
            let (date, used) = match rest.get(the..)? {
                ["week", ..] => (sunday, 1),
                ["next", "week", ..] => (plus_days(monday, 13), 2),
                ["month", ..] => (today.last_of_month(), 1),
                ["next", "month", ..] => (next_month.last_of_month(), 2),
                ["year", ..] => (today.last_of_year(), 1),
                _ => return None,
            };
            Some((date, 2 + the + used))
        }
        _ => None,
    }
}

fn calendar(lowers: &[&str], today: Date, lead: Lead) -> Option<(Date, usize)> {
    let first = lowers.first()?;
    if let Some(date) = iso(first).or_else(|| dotted(first, today)) {
        return Some((date, 1));
    }
    month_day(lowers, today).or_else(|| {
        let day = ordinal_day(first)?;
        (lead != Lead::None).then(|| next_day_of_month(today, day)).flatten().map(|date| (date, 1))
    })
}

/// "3 december", "3rd of december", "december 3", each with a year or without.
fn month_day(lowers: &[&str], today: Date) -> Option<(Date, usize)> {
    let (day, month, used) = match lowers {
        [day, "of", name, ..] => (day_number(day)?, month(name)?, 3),
        [day, name, ..] if month(name).is_some() => (day_number(day)?, month(name)?, 2),
        [name, "the", day, ..] => (ordinal_day(day)?, month(name)?, 3),
        [name, day, ..] => (day_number(day)?, month(name)?, 2),
        _ => return None,
    };
    let (year, taken) = match lowers.get(used..) {
        Some([",", word, ..]) => (year(word), 2),
        Some([word, ..]) => (year(word), 1),
        Some([]) | None => (None, 0),
    };
    match year {
        Some(year) => Some((Date::new(year, month, day).ok()?, used + taken)),
        None => Some((next_such(today, month, day)?, used)),
    }
}

/// This year's day, or that of the next year in which it is still to come. 29 February may be
/// years away.
fn next_such(today: Date, month: i8, day: i8) -> Option<Date> {
    let years = (0..8).filter_map(|ahead| today.year().checked_add(ahead));
    years.filter_map(|year| Date::new(year, month, day).ok()).find(|date| *date >= today)
}

fn next_day_of_month(today: Date, day: i8) -> Option<Date> {
    let months =
        (0..4).filter_map(|ahead: i64| today.first_of_month().checked_add(ahead.months()).ok());
    months
        .filter_map(|first| Date::new(first.year(), first.month(), day).ok())
        .find(|date| *date >= today)
}

fn upcoming(today: Date, day: Weekday) -> Date {
    let ahead = i64::from(today.weekday().until(day));
    plus_days(today, if ahead == 0 { 7 } else { ahead })
}

/// Short names are read only after "on" and the like: "sun" and "sat" are words too.
fn weekday(word: &str, lead: Lead) -> Option<Weekday> {
    let named = |(long, short, _): &&(&str, &[&str], Weekday)| {
        *long == word || (lead != Lead::None && short.contains(&word))
    };
    WEEKDAYS.iter().find(named).map(|(_, _, day)| *day)
}

fn month(word: &str) -> Option<i8> {
    let word = if word == "sept" { "sep" } else { word };
    let at = MONTHS.iter().position(|(long, short)| *long == word || *short == word)?;
    i8::try_from(at + 1).ok()
}

fn year(word: &str) -> Option<i16> {
    word.parse().ok().filter(|year| word.len() == 4 && (1970..=9000).contains(year))
}

fn day_number(word: &str) -> Option<i8> {
    ordinal_day(word).or_else(|| {
        let digits = word.trim_end_matches('.');
        digits.parse().ok().filter(|day| digits.len() <= 2 && (1..=31).contains(day))
    })
}

fn ordinal_day(word: &str) -> Option<i8> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end))?;
    digits.parse().ok().filter(|day| digits.len() <= 2 && (1..=31).contains(day))
}

fn iso(word: &str) -> Option<Date> {
    (word.len() == 10).then(|| word.parse().ok()).flatten()
}

/// "3.12.2026" and "3.12".
fn dotted(word: &str, today: Date) -> Option<Date> {
    let parts: Vec<&str> = word.trim_end_matches('.').split('.').collect();
    match parts.as_slice() {
        [day, month, year] => {
            Date::new(self::year(year)?, month.parse().ok()?, day.parse().ok()?).ok()
        }
        [day, month] if word.ends_with('.') => {
            next_such(today, month.parse().ok()?, day.parse().ok()?)
        }
        _ => None,
    }
}
