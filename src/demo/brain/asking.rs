//! Reads questions about the list.

use jiff::Zoned;

use super::filter::{Filter, TodoStatus, Window, is_noun, is_plural, read_filter};
use super::intent::Intent;
use super::words::{Word, after, before, lowers};

/// None if the clause asks for something else.
pub(super) fn read_question(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    let rest = match lowered.as_slice() {
        [
            "what",
            "is" | "are",
            "left" | "open" | "overdue" | "due" | "done" | "urgent" | "pending" | "remaining"
            | "on" | "in" | "planned" | "tomorrow" | "today",
            ..,
        ]
        | ["what", "is", "still", ..]
        | ["what" | "which", "is" | "are", "my" | "the", ..] => after(words, 2),
        ["what" | "which", noun, ..] if is_plural(noun) => after(words, 1),
        ["what", "do", "i" | "we", "have", "to", "do", ..] => after(words, 6),
        ["what", "have", "i" | "we", "got", "to", "do", ..] => after(words, 6),
        ["what", "have", "i" | "we", "got", ..] => after(words, 4),
        ["what", "do", "i" | "we", "have", ..] => after(words, 4),
        ["what", "do", "i" | "we", "need", "to", "do", ..] => after(words, 6),
        ["what", "have", "i" | "we", "done" | "finished" | "completed", ..] => after(words, 3),
        ["what", "should" | "must" | "can", "i" | "we", "do", ..] => after(words, 4),
        ["what", "else", ..] => after(words, 2),
        ["how", "many", ..] => after(words, 2),
        ["is" | "are", "there", "anything" | "any" | "something", ..] => after(words, 3),
        ["do", "i" | "we", "have", "anything" | "any" | "something", ..] => after(words, 4),
        ["have", "i", "got", "anything" | "any" | "something", ..] => after(words, 4),
        ["anything" | "something" | "everything", ..] => after(words, 1),
        ["am", "i", "late", ..] => after(words, 2),
        ["show" | "tell", "me", "what" | "which" | "how", _, ..] => {
            return read_question(after(words, 2), now);
        }
        ["show" | "give" | "tell" | "read" | "get", "me", _, ..] => after(words, 2),
        ["list" | "show" | "display" | "print" | "view" | "see", ..] => after(words, 1),
        ["find" | "search", "for", _, ..] => return Some(about(after(words, 2))),
        ["find" | "search", _, ..] => return Some(about(after(words, 1))),
        _ => return bare(words, &lowered, now),
    };
    filter(rest, now).map(Intent::List)
}

/// "My open todos", "overdue", "todos for tomorrow": a filter and nothing else.
fn bare(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let says_list = |word: &&str| is_plural(word) || matches!(*word, "list" | "overdue" | "agenda");
    let short = words.len() <= 8 && !matches!(lowered, ["the" | "all" | "list", "ones"]);
    (short && lowered.iter().any(says_list)).then(|| filter(words, now)).flatten().map(Intent::List)
}

/// A filter that shows open todos unless something else is said.
fn filter(words: &[Word], now: &Zoned) -> Option<Filter> {
    let words = without_tail(words);
    let lowered = lowers(words);
    let mut filter = read_filter(words, now).or_else(|| with_subject(words, now))?;
    let all = lowered.iter().any(|word| matches!(*word, "all" | "everything" | "every"));
    if filter.status.is_none()
        && filter.text.is_none()
        && (!all || filter.window == Window::Overdue)
    {
        filter.status = Some(TodoStatus::Open);
    }
    Some(filter)
}

/// "show milk todos" and "show the shopping list" are about milk and shopping.
fn with_subject(words: &[Word], now: &Zoned) -> Option<Filter> {
    let (last, rest) = words.split_last()?;
    let plain = read_filter(rest, now).is_none() && rest.len() <= 3;
    if !plain || !(is_noun(&last.lower) || last.lower == "list") {
        return None;
    }
    let rest = match lowers(rest).as_slice() {
        ["the" | "my" | "all" | "our", _, ..] => after(rest, 1),
        _ => rest,
    };
    let [name] = rest else { return None };
    Some(Filter { tag: Some(name.lower.clone()), ..Filter::default() })
}

/// The question without "again", "now" and the like at its end.
fn without_tail(words: &[Word]) -> &[Word] {
    match lowers(words).as_slice() {
        [.., "again" | "now" | "agenda" | "today's"] => before(words, words.len() - 1),
        _ => words,
    }
}

fn about(words: &[Word]) -> Intent {
    let words = match lowers(words).as_slice() {
        ["anything" | "everything" | "todos" | "tasks", "about" | "with", _, ..] => after(words, 2),
        _ => words,
    };
    let text = super::words::join(super::words::trim(words));
    Intent::List(Filter { text: Some(text), ..Filter::default() })
}
