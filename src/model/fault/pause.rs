//! Reads how long a provider asks us to wait, from headers and texts.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A longer pause is not believed: a mistake in a header must not stop a model for a day.
const LONGEST: Duration = Duration::from_hours(1);

const RESET: &str = "x-ratelimit-reset";
const REMAINING: &str = "x-ratelimit-remaining";

/// From here on a number is a time in seconds since 1970, not a duration.
const EPOCH_SECONDS: f64 = 1e9;
/// From here on it is a time in milliseconds.
const EPOCH_MILLIS: f64 = 1e11;

/// An explicit order in the headers. The most precise header wins.
pub(crate) fn ordered(headers: &HeaderMap) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(|text| seconds(number(text)? / 1_000.0));
    millis.or_else(|| {
        let text = text(headers, RETRY_AFTER.as_str())?;
        number(text).and_then(seconds).or_else(|| until_date(text))
    })
}

/// `Please retry in 33.82s.`, `Please try again in 1m30s`.
pub(crate) fn in_words(message: &str) -> Option<Duration> {
    let (_, rest) =
        message.split_once("retry in ").or_else(|| message.split_once("try again in "))?;
    duration_of(rest.split_whitespace().next()?.trim_end_matches('.'))
}

/// `39s`, `45.837906927s`, `1m30s`, `250ms`.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = tail;
    }
    if text.is_empty() { None } else { seconds(total) }
}

/// A guess from the limits of a key, which come with every answer: the longest reset of those that
/// are used up, or the longest of all if none is. Used only if nothing more explicit was said.
pub(crate) fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let resets = headers.iter().filter_map(|(name, value)| {
        let kind = name.as_str().strip_prefix(RESET)?;
        let left = text(headers, &format!("{REMAINING}{kind}")).and_then(number);
        Some((left.is_some_and(|left| left <= 0.0), reset(value.to_str().ok()?.trim())?))
    });
    resets.max().map(|(_, pause)| pause)
}

/// A duration with units or in seconds, or a time.
fn reset(text: &str) -> Option<Duration> {
    let Some(number) = number(text) else { return duration_of(text) };
    let now = Timestamp::now().as_duration().as_secs_f64();
    seconds(match number {
        millis if millis >= EPOCH_MILLIS => millis / 1_000.0 - now,
        time if time >= EPOCH_SECONDS => time - now,
        duration_of => duration_of,
    })
}

fn until_date(text: &str) -> Option<Duration> {
    let until = rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(until.duration_since(Timestamp::now())).ok().map(|pause| pause.min(LONGEST))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Rust parses `nan` and `inf` as numbers.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok()
}
