//! Reads filters: "open", "overdue", "tagged home", "about milk".

use jiff::Zoned;
use jiff::civil::Date;

use super::dates::{Due, read_delay, read_when};
use super::days::Lead;
use super::days::{plus_days, week_start};
use super::details::{Priority, hash_tag, tag_name};
use super::words::{Word, after, join, lowers, trim};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TodoStatus {
    Open,
    Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Window {
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
pub(super) struct Filter {
    pub(super) status: Option<TodoStatus>,
    pub(super) window: Window,
    pub(super) tag: Option<String>,
    pub(super) priority: Option<Priority>,
    pub(super) text: Option<String>,
}

impl Filter {
    pub(super) fn is_default(&self) -> bool {
        *self == Filter::default()
    }
}

/// None if any word is not part of a filter: half a filter would act on too many todos (ADR 9).
pub(super) fn read_filter(words: &[Word], now: &Zoned) -> Option<Filter> {
    let mut filter = Filter::default();
    let mut rest = trim(words);
    while !rest.is_empty() {
        let used = read_one(rest, now, &mut filter)?;
        rest = after(rest, used.max(1));
    }
    Some(filter)
}

pub(super) fn is_noun(word: &str) -> bool {
    matches!(word, "todo" | "task" | "item" | "reminder" | "entry" | "to-do") || is_plural(word)
}

pub(super) fn is_plural(word: &str) -> bool {
    const PLURALS: [&str; 10] = [
        "todos",
        "tasks",
        "items",
        "reminders",
        "entries",
        "to-dos",
        "ones",
        "todo's",
        "things",
        "chores",
    ];
    PLURALS.contains(&word)
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
    let lead = match lowered {
        ["to", "do", "with", _, ..] => 3,
        ["about" | "containing" | "mentioning" | "regarding" | "concerning", _, ..] => 1,
        _ => return None,
    };
    let text = trim(after(words, lead));
    filter.text = Some(join(text)).filter(|text| !text.is_empty());
    filter.text.as_ref().map(|_| words.len())
}

fn read_tag(words: &[Word], lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    if let Some(tag) = words.first().and_then(hash_tag) {
        filter.tag = Some(tag.to_owned());
        return Some(1);
    }
    let lead = match lowered {
        ["with", "the", "tag" | "label", _, ..] => 3,
        ["with" | "by", "tag" | "label", _, ..] | ["tagged", "as" | "with", _, ..] => 2,
        ["tagged" | "labelled" | "labeled" | "tag", _, ..] => 1,
        _ => return None,
    };
    filter.tag = words.get(lead).map(tag_name);
    Some(lead + 1)
}

fn read_state(lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    let mut status = |status: TodoStatus, used: usize| {
        filter.status = Some(status);
        Some(used)
    };
    match lowered {
        ["not", "done" | "finished" | "completed", ..] => status(TodoStatus::Open, 2),
        [
            "open" | "pending" | "active" | "remaining" | "unfinished" | "undone" | "incomplete",
            ..,
        ]
        | ["outstanding" | "left", ..] => status(TodoStatus::Open, 1),
        ["still", "open", ..] => status(TodoStatus::Open, 2),
        ["done" | "completed" | "complete" | "finished" | "closed", ..] => {
            status(TodoStatus::Done, 1)
        }
        ["overdue" | "late", ..] => {
            filter.window = Window::Overdue;
            Some(1)
        }
        ["past", "due", ..] => {
            filter.window = Window::Overdue;
            Some(2)
        }
        _ => read_matter(lowered, filter),
    }
}

fn read_matter(lowered: &[&str], filter: &mut Filter) -> Option<usize> {
    let (priority, used) = match lowered {
        ["with", rest @ ..] => return read_matter(rest, filter).map(|used| used + 1),
        ["urgent" | "important", ..] => (Priority::High, 1),
        ["high" | "top", "priority" | "prio", ..] => (Priority::High, 2),
        ["low", "priority" | "prio", ..] => (Priority::Low, 2),
        ["normal" | "medium", "priority" | "prio", ..] => (Priority::Normal, 2),
        _ => return None,
    };
    filter.priority = Some(priority);
    Some(used)
}

fn read_window(lowered: &[&str], now: &Zoned, filter: &mut Filter) -> Option<usize> {
    let lead =
        lowered.iter().take_while(|word| matches!(**word, "due" | "for" | "in" | "from")).count();
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
    const FILLERS: [&str; 34] = [
        "the",
        "my",
        "me",
        "of",
        "all",
        "any",
        "every",
        "each",
        "everything",
        "anything",
        "that",
        "which",
        "are",
        "is",
        "on",
        "in",
        "from",
        "i",
        "have",
        "got",
        "still",
        "currently",
        "list",
        "lists",
        "them",
        "now",
        "please",
        "due",
        "do",
        "to",
        "a",
        "stuff",
        "whole",
        "there",
    ];
    let first = lowered.first()?;
    (FILLERS.contains(first) || is_noun(first)).then_some(1)
}
