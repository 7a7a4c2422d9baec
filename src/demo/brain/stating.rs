//! Reads statements that change a todo: "I bought milk", "milk is done", "the report is due
//! friday".

use jiff::Zoned;

use super::change::{between, change, noted};
use super::details::{hash_tag, read_priority, tag_name, whole_when};
use super::filter::Filter;
use super::intent::{Action, Change, Intent, Tone};
use super::target::Target;
use super::words::{Word, after, before, lowers, title};

/// Verbs that say that a todo is done. "I love milk" does not.
const DONE: &[&str] = &[
    "bought",
    "did",
    "finished",
    "completed",
    "got",
    "called",
    "phoned",
    "paid",
    "sent",
    "wrote",
    "cleaned",
    "booked",
    "emailed",
    "mailed",
    "fixed",
    "washed",
    "returned",
    "ordered",
    "submitted",
    "watered",
    "fed",
    "visited",
    "posted",
    "printed",
    "signed",
    "packed",
    "cooked",
    "done",
    "repaired",
    "renewed",
    "vacuumed",
    "mowed",
    "ironed",
    "answered",
    "purchased",
    "handled",
];

/// None if the statement changes nothing.
pub(super) fn read_statement(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    first_person(words, &lowered, now)
        .or_else(|| tags_and_notes(words, &lowered, now))
        .or_else(|| states(words, &lowered, now))
}

/// "I bought milk", "I've already called mum".
fn first_person(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let subject = match lowered {
        ["i" | "we", "have" | "just" | "already", ..] => 2,
        ["i" | "we", ..] => 1,
        ["bought" | "finished" | "completed" | "called" | "paid" | "sent" | "booked", _, ..] => 0,
        _ => return None,
    };
    let adverbs = |word: &&&str| matches!(**word, "just" | "already" | "have" | "also" | "now");
    let skip = subject + lowered.iter().skip(subject).take_while(adverbs).count();
    let verb = lowered.get(skip).filter(|verb| DONE.contains(verb))?;
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
pub(super) fn tags_and_notes(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let at = match lowered {
        ["add", "a", "note" | "notes", "to" | "on" | "for", ..] => return noted(words, 4, now),
        ["add", "note" | "notes", "to" | "on" | "for", ..] => return noted(words, 3, now),
        ["add", "the", "tag" | "label", _, "to", _, ..] => 3,
        ["add", "tag" | "label", _, "to", _, ..] => 2,
        ["add", _, "to", _, ..] if words.get(1).and_then(hash_tag).is_some() => 1,
        _ => return None,
    };
    let tag = words.get(at).map(tag_name)?;
    Some(change(after(words, at + 2), Action::AddTags(vec![tag]), now))
}

/// "X is done", "X is not done", "X is due friday", "X is urgent", "X should be called Y".
fn states(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    if let ["all" | "everything", "done"] | ["all" | "everything", "is" | "are", "done"] = lowered {
        return Some(all_done());
    }
    let at =
        (1..words.len()).find(|at| matches!(lowered.get(*at), Some(&("is" | "are" | "should"))));
    let Some(at) = at else { return short_done(words, lowered, now) };
    let (subject, tail) = (before(words, at), lowered.get(at + 1..).unwrap_or_default());
    if matches!(
        lowered.first(),
        Some(&("what" | "who" | "when" | "where" | "which" | "there" | "i" | "this" | "that"))
    ) && at == 1
        && lowered.first() != Some(&"that")
    {
        return None;
    }
    let action = match tail {
        ["done" | "finished" | "complete" | "completed" | "bought"]
        | ["already" | "now" | "both" | "all", "done" | "finished" | "completed" | "bought"] => {
            Action::Complete
        }
        ["not", "done" | "finished" | "complete"] | ["not", "done" | "finished", "yet"] => {
            Action::Reopen
        }
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
    let praise = lowered.contains(&"was")
        || matches!(
            lowered.first(),
            Some(
                &("are"
                    | "was"
                    | "were"
                    | "will"
                    | "well"
                    | "nicely"
                    | "not"
                    | "i"
                    | "get"
                    | "is"
                    | "be"
                    | "never"
                    | "job"
                    | "almost"
                    | "nearly")
            )
        );
    (short && !praise).then(|| change(between(words, 0, 1), Action::Complete, now))
}

/// The words without "yesterday", "today", "already" at the end.
fn without_time(words: &[Word]) -> &[Word] {
    match lowers(words).as_slice() {
        [_, .., "yesterday" | "today" | "already" | "now" | "earlier" | "finally"] => {
            without_time(before(words, words.len() - 1))
        }
        [_, .., "this", "morning" | "afternoon" | "evening"] => {
            without_time(before(words, words.len() - 2))
        }
        _ => words,
    }
}
