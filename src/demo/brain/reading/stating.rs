//! Reads statements that change a todo: "I bought milk", "milk is done", "the report is due
//! friday".

use jiff::Zoned;

use super::change::{between, change, noted};
use super::details::{hash_tag, read_priority, tag_name, whole_when};
use super::filter::Filter;
use super::intent::{Action, Change, Intent, Tone};
use super::patterns;
use super::target::Target;
use super::words::{Word, after, before, lowers, title};

/// None if the statement changes nothing.
pub(in crate::brain) fn read_statement(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    first_person(words, &lowered, now)
        .or_else(|| tags_and_notes(words, &lowered, now))
        .or_else(|| states(words, &lowered, now))
}

/// "I bought milk", "I've already called mum".
fn first_person(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let subject = patterns::find("i did", lowered)?.start;
    let adverbs = |word: &&&str| matches!(**word, "just" | "already" | "have" | "also" | "now");
    let skip = subject + lowered.iter().skip(subject).take_while(adverbs).count();
    let verb = lowered.get(skip).filter(|verb| patterns::has("done", verb))?;
    let object = without_time(after(words, skip + 1));
    let negated = lowers(object).iter().any(|word| matches!(*word, "not" | "no" | "nothing"));
    let vague =
        *verb == "got" && lowers(object).first().is_some_and(|word| matches!(*word, "to" | "a"));
    if lowers(object) == ["everything"] || lowers(object) == ["all"] {
        return Some(all_done());
    }
    (!object.is_empty() && !negated && !vague).then(|| change(object, Action::Complete, now))
}

/// "add tag home to X", "add #home to X", "add a note to X: text". Read before plain additions,
/// which would take them as titles.
pub(in crate::brain) fn tags_and_notes(
    words: &[Word],
    lowered: &[&str],
    now: &Zoned,
) -> Option<Intent> {
    if let Some(rest) = patterns::find("add a note", lowered) {
        return noted(words, rest.start, now);
    }
    let hashed =
        || words.get(1).and_then(hash_tag).and_then(|_| patterns::find("add a #tag", lowered));
    let rest = patterns::find("add a tag", lowered).or_else(hashed)?;
    let tag = words.get(rest.start.checked_sub(2)?).map(tag_name)?;
    Some(change(after(words, rest.start), Action::AddTags(vec![tag]), now))
}

/// "X is done", "X is not done", "X is due friday", "X is urgent", "X should be called Y".
fn states(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    if patterns::fits("all is done", lowered) {
        return Some(all_done());
    }
    let at =
        (1..words.len()).find(|at| matches!(lowered.get(*at), Some(&("is" | "are" | "should"))));
    let Some(at) = at else { return short_done(words, lowered, now) };
    let (subject, tail) = (before(words, at), lowered.get(at + 1..).unwrap_or_default());
    let says_nothing = |word: &&str| patterns::has("says nothing of a todo", word);
    if at == 1 && lowered.first().is_some_and(says_nothing) {
        return None;
    }
    let action = match tail {
        tail if patterns::fits("is done", tail) => Action::Complete,
        tail if patterns::fits("is not done", tail) => Action::Reopen,
        ["due", date @ ..] => Action::Reschedule(whole_when(date, now)?),
        ["for", ..] | ["now", "due", ..] => Action::Reschedule(whole_when(tail.get(1..)?, now)?),
        ["be", "called", _, ..] => Action::Rename(title(after(words, at + 3))),
        ["now", level @ ..] | level => Action::SetPriority(read_priority(level)?),
    };
    Some(change(subject, action, now))
}

/// "All done!" is said carelessly, so the brain asks first.
fn all_done() -> Intent {
    let target = Target::All(Filter::default());
    Intent::Change(Change { target, action: Action::Complete, tone: Tone::Sweeping })
}

/// "milk done", "milk and eggs done".
fn short_done(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let short = matches!(lowered, [_, .., "done"] if words.len() <= 5);
    let praise = lowered.contains(&"was") || patterns::fits("praise", lowered);
    (short && !praise).then(|| change(between(words, 0, 1), Action::Complete, now))
}

/// The words without "yesterday", "today", "already" at the end.
fn without_time(words: &[Word]) -> &[Word] {
    match patterns::find("when it was done", &lowers(words)) {
        Some(rest) => without_time(before(words, rest.end)),
        None => words,
    }
}
