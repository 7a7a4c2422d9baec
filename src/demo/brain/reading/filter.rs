//! Reads filters: "open", "overdue", "tagged home", "about milk".

use jiff::Zoned;
use jiff::civil::Date;

use super::dates::{Due, read_delay, read_when};
use super::days::Lead;
use super::days::{plus_days, week_start};
use super::details::{Priority, hash_tag, tag_name};
use super::patterns;
use super::words::{Word, after, join, lowers, trim};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum TodoStatus {
    Open,
    Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::brain) enum Window {
    /// At any time, or never.
    #[default]
    Any,
    /// Before now, and still open.
    Overdue,
    /// Between these days, both included. None means no limit.
    Days(Option<Date>, Option<Date>),
}

/// All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::brain) struct Filter {
    pub(in crate::brain) status: Option<TodoStatus>,
    pub(in crate::brain) window: Window,
    pub(in crate::brain) tag: Option<String>,
    pub(in crate::brain) priority: Option<Priority>,
    pub(in crate::brain) text: Option<String>,
}

impl Filter {
    pub(in crate::brain) fn is_default(&self) -> bool {
        *self == Filter::default()
    }
}

/// None if any word is not part of a filter: half a filter would act on too many todos (ADR 9).
pub(in crate::brain) fn read_filter(words: &[Word], now: &Zoned) -> Option<Filter> {
    let mut filter = Filter::default();
    let mut rest = trim(words);
    while !rest.is_empty() {
        let used = read_one(rest, now, &mut filter)?;
        rest = after(rest, used.max(1));
    }
    Some(filter)
}

pub(in crate::brain) fn is_noun(word: &str) -> bool {
    patterns::has("todo", word) || is_plural(word)
}

pub(in crate::brain) fn is_plural(word: &str) -> bool {
    patterns::has("todos", word)
}

/// Reads one condition; none if the phrase says something else.
fn read_one(words: &[Word], now: &Zoned, filter: &mut Filter) -> Option<usize> {
    let lowered = lowers(words);
    if let Some(used) = read_text(words, &lowered, filter) {
        return Some(used);
    }
    if let Some(used) = read_tag(words, &lowered, filter) {
        return Some(used);
    }
    read_state(&lowered, filter)
        .or_else(|| read_window(&lowered, now, filter))
        .or_else(|| filler(&lowered))
}

fn read_text(words: &[Word], lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    let about = patterns::find("about", lowered)?;
    let text = trim(after(words, about.start));
    filter.text = Some(join(text)).filter(|text| !text.is_empty());
    filter.text.as_ref().map(|_| words.len())
}

fn read_tag(words: &[Word], lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    if let Some(tag) = words.first().and_then(hash_tag) {
        filter.tag = Some(tag.to_owned());
        return Some(1);
    }
    let at = patterns::find("tagged", lowered)?.start;
    filter.tag = words.get(at).map(tag_name);
    Some(at + 1)
}

fn read_state(lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    let used = |section| patterns::find(section, lowered).map(|rest| rest.start);
    if let Some(used) = used("not done") {
        filter.status = Some(TodoStatus::Open);
        return Some(used);
    }
    if let Some(used) = used("are done") {
        filter.status = Some(TodoStatus::Done);
        return Some(used);
    }
    if let Some(used) = used("overdue") {
        filter.window = Window::Overdue;
        return Some(used);
    }
    read_importance(lowered, filter)
}

fn read_importance(lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    if let ["with", rest @ ..] = lowered {
        return read_importance(rest, filter).map(|used| used + 1);
    }
    let levels = [("high", Priority::High), ("low", Priority::Low), ("normal", Priority::Normal)];
    let mut found = levels.iter().filter_map(|(section, priority)| {
        Some((*priority, patterns::find(section, lowered)?.start))
    });
    let (priority, used) = found.next()?;
    filter.priority = Some(priority);
    Some(used)
}

fn read_window(lowered: &[&str], now: &Zoned, filter: &mut Filter) -> Option<usize> {
    let lead = patterns::run("due", lowered);
    let period = lowered.get(lead..).unwrap_or_default();
    if let Some((first, last, used)) = read_period(period, now.date()) {
        filter.window = Window::Days(Some(first), Some(last));
        return Some(lead + used);
    }
    let found = read_when(lowered, now).filter(|found| found.when.date.is_some())?;
    let until = lowered.iter().take(2).any(|word| matches!(*word, "by" | "until" | "before"));
    let before = lowered.iter().take(2).any(|word| *word == "before");
    let first = if until && found.lead == Lead::Strong { None } else { found.when.date };
    let last = found.when.date.map(|day| if before { plus_days(day, -1) } else { day });
    filter.window = Window::Days(first, last);
    Some(found.used)
}

/// A period: this or next week, weekend, month.
fn read_period(lowered: &[&str], today: Date) -> Option<(Date, Date, usize)> {
    let monday = week_start(today);
    let next_month = plus_days(today.last_of_month(), 1);
    match lowered {
        ["the", "next", rest @ ..] | ["next", rest @ ..] if read_delay(rest).is_some() => {
            let (delay, used) = read_delay(rest)?;
            let last = Due { date: today, time: None }.later(delay)?;
            Some((today, last.date, lowered.len() - rest.len() + used))
        }
        ["this" | "the", "week", ..] => Some((monday, plus_days(monday, 6), 2)),
        ["next", "week", ..] => Some((plus_days(monday, 7), plus_days(monday, 13), 2)),
        ["this" | "the", "weekend", ..] => Some((plus_days(monday, 5), plus_days(monday, 6), 2)),
        ["next", "weekend", ..] => Some((plus_days(monday, 12), plus_days(monday, 13), 2)),
        ["this", "month", ..] => Some((today.first_of_month(), today.last_of_month(), 2)),
        ["next", "month", ..] => Some((next_month, next_month.last_of_month(), 2)),
        _ => None,
    }
}

/// Words without influence on the filter.
fn filler(lowered: &[&str]) -> Option<usize> {
    let first = lowered.first()?;
    patterns::has("fillers", first).then_some(1)
}
