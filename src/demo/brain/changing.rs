//! Reads commands that change existing todos.

use jiff::Zoned;

use super::change::{between, change, noted};
use super::dates::read_delay;
use super::details::{hash_tag, read_level, read_priority, tag_name, whole_when};
use super::filter::{Filter, TodoStatus};
use super::intent::{Action, Change, Intent, Tone, Unclear};
use super::stating::read_statement;
use super::target::Target;
use super::words::{Word, after, before, lowers, title, trim};

/// None if the clause changes nothing. The order matters: a narrow phrase comes before a wide one
/// that would also match.
pub(super) fn read_change(words: &[Word], now: &Zoned) -> Option<Intent> {
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

/// "Clear my list" means all of it, but is confirmed first.
fn read_sweep(lowered: &[&str]) -> Option<Intent> {
    let filter = match lowered {
        ["clear" | "empty" | "wipe" | "reset", "my" | "the", "list" | "todos" | "tasks"]
        | ["clear" | "wipe", "everything" | "all"]
        | ["clear" | "wipe", "all", "todos" | "tasks"]
        | ["start", "over"] => Filter::default(),
        ["clear", "the" | "my" | "all", "done" | "completed" | "finished", ..]
        | ["clear", "done" | "completed" | "finished", ..] => {
            Filter { status: Some(TodoStatus::Done), ..Filter::default() }
        }
        _ => return None,
    };
    let tone = if filter.is_default() { Tone::Sweeping } else { Tone::Plain };
    Some(Intent::Change(Change { target: Target::All(filter), action: Action::Delete, tone }))
}

fn read_delete(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let target = match lowered {
        ["remove", "the", "due", "date" | "time", "from" | "of", ..] => {
            return Some(change(after(words, 5), Action::ClearDue, now));
        }
        ["clear" | "remove", "due", "date" | "time", "from" | "of", ..] => {
            return Some(change(after(words, 4), Action::ClearDue, now));
        }
        ["clear", "the", "due", "date" | "time", "from" | "of" | "for", ..] => {
            return Some(change(after(words, 5), Action::ClearDue, now));
        }
        ["remove" | "delete", "the", "tag", name, "from", ..] if *name != "from" => {
            return untag(words, 3, now);
        }
        ["remove" | "delete", "tag", name, "from", ..] if *name != "from" => {
            return untag(words, 2, now);
        }
        ["remove" | "delete", _, "from", rest @ ..]
            if words.get(1).and_then(hash_tag).is_some() && !rest.is_empty() =>
        {
            return untag(words, 1, now);
        }
        ["untag", _, "from", ..] => return untag(words, 1, now),
        ["get", "rid", "of", ..] => after(words, 3),
        ["take", .., "off" | "from", "my" | "the", "list"] => between(words, 1, 3),
        ["delete" | "remove" | "erase" | "scrap" | "trash" | "discard", ..] => after(words, 1),
        ["throw", "away", ..] | ["throw", "out", ..] => return None,
        _ => return None,
    };
    Some(change(target, Action::Delete, now))
}

fn untag(words: &[Word], at: usize, now: &Zoned) -> Option<Intent> {
    let tag = words.get(at).map(tag_name)?;
    Some(change(after(words, at + 2), Action::RemoveTags(vec![tag]), now))
}

fn read_complete(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let target = match lowered {
        [
            "mark" | "set" | "check" | "tick" | "cross",
            ..,
            "as" | "to",
            "done" | "complete" | "completed" | "finished",
        ] => between(words, 1, 2),
        ["mark" | "set", .., "done" | "complete" | "completed" | "finished"]
            if !matches!(lowered, [.., "not", _]) =>
        {
            between(words, 1, 1)
        }
        ["mark", "as", "done" | "complete" | "completed", ..] => after(words, 3),
        ["tick" | "check" | "cross" | "strike", "off" | "out", ..] => after(words, 2),
        ["tick" | "check" | "cross" | "strike", .., "off" | "out"] => between(words, 1, 1),
        ["complete" | "finish" | "tick", ..] => after(words, 1),
        ["i", "am", "done" | "finished", "with", ..] => after(words, 4),
        ["done" | "finished", "with", ..] => after(words, 2),
        ["done" | "finished", ":", ..] => after(words, 2),
        _ => return None,
    };
    Some(change(target, Action::Complete, now))
}

fn read_reopen(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let target = match lowered {
        [
            "mark" | "set",
            ..,
            "as" | "to",
            "not",
            "done" | "complete" | "completed" | "finished",
        ] => between(words, 1, 3),
        [
            "mark" | "set",
            ..,
            "as" | "to" | "back",
            "open" | "undone" | "incomplete" | "unfinished" | "todo",
        ] if !matches!(lowered, [.., "back", "to", _]) => between(words, 1, 2),
        ["set" | "put", .., "back", "to", "open" | "undone" | "todo"] => between(words, 1, 3),
        ["mark", .., "not", "done" | "finished"] => between(words, 1, 2),
        ["mark", .., "undone" | "open" | "incomplete"] => between(words, 1, 1),
        ["reopen" | "re-open" | "uncheck" | "untick" | "unmark" | "uncomplete" | "undo", ..] => {
            after(words, 1)
        }
        ["open", .., "again"] => between(words, 1, 1),
        _ => return None,
    };
    Some(change(target, Action::Reopen, now))
}

/// Priorities, tags and notes.
fn read_details(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    match lowered {
        ["tag", .., "as" | "with", _] => {
            let tag = words.last().map(tag_name)?;
            Some(change(between(words, 1, 2), Action::AddTags(vec![tag]), now))
        }
        ["tag", .., _] if words.last().and_then(hash_tag).is_some() => {
            let tag = words.last().map(tag_name)?;
            Some(change(between(words, 1, 1), Action::AddTags(vec![tag]), now))
        }
        ["prioritise" | "prioritize", _, ..] => {
            Some(change(after(words, 1), Action::SetPriority(super::details::Priority::High), now))
        }
        ["set" | "change", "the", "priority", "of" | "for", ..] => set_priority(words, 4, now),
        ["set" | "change", "priority", "of" | "for", ..] => set_priority(words, 3, now),
        ["make" | "mark" | "set" | "give" | "change", _, _, ..] => made_priority(words, now),
        _ => None,
    }
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
    let skip = match lowered {
        ["set" | "change" | "move", "the", "due", "date" | "time", "of" | "for", ..] => 5,
        ["set" | "change" | "move", "due", "date", "of" | "for", ..] => 4,
        ["push" | "put" | "move", "back" | "off", _, ..] => 2,
        [
            "postpone" | "push" | "delay" | "defer" | "reschedule" | "schedule" | "move" | "snooze"
            | "shift",
            _,
            ..,
        ] => 1,
        ["set" | "make", .., "due", _]
        | ["set" | "make", .., "due", _, _]
        | ["set" | "make", .., "due", _, _, _] => 1,
        ["change" | "bring" | "put" | "set", _, ..] => return changed_date(words, now),
        _ => return None,
    };
    Some(moved(words, skip, now))
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
    let skip = match lowered {
        [
            "rename" | "retitle" | "edit" | "update" | "change" | "reword",
            "the",
            "title" | "name",
            "of",
            ..,
        ] => 4,
        ["rename" | "retitle" | "edit" | "update" | "change" | "reword", ..] => 1,
        [
            "set" | "put" | "write",
            "the" | "a",
            "note" | "notes",
            "of" | "to" | "on" | "for",
            ..,
        ] => return noted(words, 4, now),
        ["note" | "notes", "on" | "for" | "to", ..] => return noted(words, 2, now),
        _ => return None,
    };
    let to = (skip + 1..words.len())
        .find(|at| matches!(lowered.get(*at), Some(&("to" | "into" | "as"))));
    let Some(to) = to.filter(|to| to + 1 < words.len()) else {
        return Some(Intent::Unclear(Unclear::NoTarget("rename")));
    };
    let name = title(after(words, to + 1));
    Some(change(after(before(words, to), skip), Action::Rename(name), now))
}
