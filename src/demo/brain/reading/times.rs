//! Reads a time of day: "5pm", "17:30", "noon", "5 o'clock".

use jiff::civil::Time;

/// Whether a bare number may be an hour, as in "at 5".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Bare {
    /// "at" came before it.
    Allowed,
    /// Nothing introduces it: in "buy 5 eggs", 5 is not an hour.
    Refused,
}

/// The time at the start of a phrase, and its number of words.
pub(in crate::brain) fn read_time(lowers: &[&str], bare: Bare) -> Option<(Time, usize)> {
    let (first, rest) = lowers.split_first()?;
    if let Some(found) = named(first, rest, bare) {
        return Some(found);
    }
    if let Some(number) = first.strip_suffix("am").or_else(|| first.strip_suffix("a.m")) {
        return Some((clock(number, Half::Morning)?, 1));
    }
    if let Some(number) = first.strip_suffix("pm").or_else(|| first.strip_suffix("p.m")) {
        return Some((clock(number, Half::Evening)?, 1));
    }
    match rest.first() {
        Some(&("am" | "a.m")) => return Some((clock(first, Half::Morning)?, 2)),
        Some(&("pm" | "p.m")) => return Some((clock(first, Half::Evening)?, 2)),
        Some(&"o'clock") => return Some((likely(first)?, 2)),
        _ => {}
    }
    if first.contains(':') {
        return Some((clock(first, Half::Whole)?, 1));
    }
    (bare == Bare::Allowed).then(|| likely(first)).flatten().map(|time| (time, 1))
}

/// The hour that a part of the day means.
pub(in crate::brain) fn part_of_day(word: &str) -> Option<Time> {
    let hour = match word {
        "morning" => 9,
        "noon" => 12,
        "afternoon" => 15,
        "evening" => 19,
        "night" => 20,
        _ => return None,
    };
    Time::new(hour, 0, 0, 0).ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Evening,
    Whole,
}

fn named(first: &str, rest: &[&str], bare: Bare) -> Option<(Time, usize)> {
    let part = |word: &&str| part_of_day(word).map(|time| (time, 2));
    match first {
        "this" => rest.first().and_then(part),
        "in" if rest.first() == Some(&"the") => {
            rest.get(1).and_then(|word| part_of_day(word)).map(|time| (time, 3))
        }
        "noon" | "midday" if bare == Bare::Allowed => Some((Time::new(12, 0, 0, 0).ok()?, 1)),
        "midnight" if bare == Bare::Allowed => Some((Time::new(23, 59, 0, 0).ok()?, 1)),
        _ => None,
    }
}

/// An hour without am or pm: one to six is in the afternoon.
fn likely(text: &str) -> Option<Time> {
    let hour: i8 = text.parse().ok()?;
    Time::new(if (1..=6).contains(&hour) { hour + 12 } else { hour }, 0, 0, 0).ok()
}

fn clock(text: &str, half: Half) -> Option<Time> {
    let (hours, minutes) = text.split_once([':', '.']).unwrap_or((text, "00"));
    let digits = |part: &str| (1..=2).contains(&part.len());
    if !digits(hours) || minutes.len() != 2 {
        return None;
    }
    let hour: i8 = hours.parse().ok()?;
    let hour = match half {
        Half::Whole => hour,
        Half::Morning if (1..=12).contains(&hour) => hour % 12,
        Half::Evening if (1..=12).contains(&hour) => hour % 12 + 12,
        Half::Morning | Half::Evening => return None,
    };
    Time::new(hour, minutes.parse().ok()?, 0, 0).ok()
}
