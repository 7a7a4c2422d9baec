//! Reads commands that change existing todos.

use jiff::Zoned;

use super::change::{change, noted};
use super::dates::read_delay;
use super::details::{Priority, hash_tag, read_level, read_priority, tag_name, whole_when};
use super::filter::{Filter, TodoStatus};
use super::intent::{Action, Change, Intent, Tone, Unclear};
use super::patterns;
use super::stating::read_statement;
use super::target::Target;
use super::words::{Word, after, before, lowers, title, trim};

/// None if the clause changes nothing. The order matters: a narrow phrase comes before a wide one
/// that would also match.
pub(in crate::brain) fn read_change(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    read_sweep(&lowered)
        .or_else(|| read_delete(words, &lowered, now))
        .or_else(|| read_complete(words, &lowered, now))
        .or_else(|| read_reopen(words, &lowered, now))
        .or_else(|| read_details(words, &lowered, now))
        .or_else(|| read_moves(words, &lowered, now))
        .or_else(|| read_rename(words, &lowered, now))
        .or_else(|| read_statement(words, now))
}

/// "Clear my list" means all of it.
fn read_sweep(lowered: &[&str]) -> Option<Intent> {
    let filter = if patterns::fits("delete all", lowered) {
        Filter::default()
    } else if patterns::fits("delete all done", lowered) {
        Filter { status: Some(TodoStatus::Done), ..Filter::default() }
    } else {
        return None;
    };
    let (target, action) = (Target::All(filter), Action::Delete);
    Some(Intent::Change(Change { target, action, tone: Tone::Plain }))
}

fn read_delete(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    if let Some(todo) = about("clear the due date", words, lowered) {
        return Some(change(todo, Action::ClearDue, now));
    }
    let hashed =
        || words.get(1).and_then(hash_tag).and_then(|_| patterns::find("remove a #tag", lowered));
    if let Some(rest) = patterns::find("remove a tag", lowered).or_else(hashed) {
        let tag = words.get(rest.start.checked_sub(2)?).map(tag_name)?;
        return Some(change(after(words, rest.start), Action::RemoveTags(vec![tag]), now));
    }
    Some(change(about("delete", words, lowered)?, Action::Delete, now))
}

fn read_complete(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    Some(change(about("complete", words, lowered)?, Action::Complete, now))
}

fn read_reopen(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    Some(change(about("reopen", words, lowered)?, Action::Reopen, now))
}

/// The words that say which todo is meant.
fn about<'a>(section: &str, words: &'a [Word], lowered: &[&str]) -> Option<&'a [Word]> {
    words.get(patterns::find(section, lowered)?)
}

/// Priorities, tags and notes.
fn read_details(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let hashed = || words.last().and_then(hash_tag).and_then(|_| about("#tag", words, lowered));
    if let Some(todo) = about("tag", words, lowered).or_else(hashed) {
        let tag = words.last().map(tag_name)?;
        return Some(change(todo, Action::AddTags(vec![tag]), now));
    }
    if let Some(todo) = about("prioritise", words, lowered) {
        return Some(change(todo, Action::SetPriority(Priority::High), now));
    }
    if let Some(todo) = patterns::find("set the priority", lowered) {
        return set_priority(words, todo.start, now);
    }
    patterns::find("make a priority", lowered).and_then(|_| made_priority(words, now))
}

/// "set the priority of X to high".
fn set_priority(words: &[Word], skip: usize, now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    let to = lowered.iter().rposition(|word| *word == "to").filter(|at| *at > skip)?;
    let level = lowered.get(to + 1..).unwrap_or_default();
    let priority = read_level(level).or_else(|| read_priority(level))?;
    Some(change(after(before(words, to), skip), Action::SetPriority(priority), now))
}

/// "make X urgent", "mark X as high priority", "set X to low priority".
fn made_priority(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    let level = (2..words.len()).find_map(|at| Some((at, read_priority(lowered.get(at..)?)?)));
    let (at, priority) = level?;
    Some(change(after(before(words, at), 1), Action::SetPriority(priority), now))
}

fn read_moves(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let skip = ["move", "make due"].iter().find_map(|section| patterns::find(section, lowered));
    match skip {
        Some(todo) => Some(moved(words, todo.start, now)),
        None => patterns::find("perhaps move", lowered).and_then(|_| changed_date(words, now)),
    }
}

/// "change X to friday" is a move only if a date follows.
fn changed_date(words: &[Word], now: &Zoned) -> Option<Intent> {
    let moved = moved(words, 1, now);
    matches!(moved, Intent::Change(_)).then_some(moved)
}

fn moved(words: &[Word], skip: usize, now: &Zoned) -> Intent {
    let lowered = lowers(words);
    let ending = (skip + 1..words.len()).find_map(|at| {
        let tail = lowered.get(at..)?;
        Some((at, delay(tail).or_else(|| date(tail, now))?))
    });
    match ending {
        Some((at, action)) => change(trim(after(before(words, at), skip)), action, now),
        None => Intent::Unclear(Unclear::NoDate),
    }
}

fn delay(tail: &[&str]) -> Option<Action> {
    let (["back", "by", rest @ ..] | ["by" | "for", rest @ ..]) = tail else { return None };
    let (delay, used) = read_delay(rest)?;
    matches!(rest.get(used..), Some([] | ["later"])).then_some(Action::Postpone(delay))
}

fn date(tail: &[&str], now: &Zoned) -> Option<Action> {
    let hour = |time: &[&str]| whole_when(&[&["at"], time].concat(), now).map(Action::Reschedule);
    match tail {
        ["to", rest @ ..] => date(rest, now).or_else(|| hour(rest)),
        ["back" | "forward" | "from", rest @ ..] => date(rest, now),
        _ => whole_when(tail, now).map(Action::Reschedule),
    }
}

/// New titles and notes, taken as typed.
fn read_rename(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    if let Some(todo) = patterns::find("note", lowered) {
        return noted(words, todo.start, now);
    }
    let skip = patterns::find("rename", lowered)?.start;
    let to = (skip + 1..words.len())
        .find(|at| matches!(lowered.get(*at), Some(&("to" | "into" | "as"))));
    let Some(to) = to.filter(|to| to + 1 < words.len()) else {
        return Some(Intent::Unclear(Unclear::NoTarget("rename")));
    };
    let name = title(after(words, to + 1));
    Some(change(after(before(words, to), skip), Action::Rename(name), now))
}
