//! Reads questions about the list.

use jiff::Zoned;

use super::filter::{Filter, TodoStatus, Window, is_noun, read_filter};
use super::intent::Intent;
use super::patterns;
use super::words::{Word, join, lowers, trim};

/// None if the clause asks for something else.
pub(in crate::brain) fn read_question(words: &[Word], now: &Zoned) -> Option<Intent> {
    let lowered = lowers(words);
    if let Some(question) = patterns::find("tell me", &lowered) {
        return read_question(words.get(question)?, now);
    }
    if let Some(rest) = patterns::find("search", &lowered) {
        return Some(about(words.get(rest)?));
    }
    match patterns::find("list", &lowered) {
        Some(rest) => filter(words.get(rest)?, now).map(Intent::List),
        None => bare(words, &lowered, now),
    }
}

/// "My open todos", "overdue", "todos for tomorrow": a filter and nothing else.
fn bare(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Intent> {
    let says_list = |word: &&str| patterns::has("says list", word);
    let short = words.len() <= 8 && !patterns::fits("no list", lowered);
    (short && lowered.iter().any(says_list)).then(|| filter(words, now)).flatten().map(Intent::List)
}

/// A filter that shows open todos unless something else is said.
fn filter(words: &[Word], now: &Zoned) -> Option<Filter> {
    let words = without_tail(words);
    let lowered = lowers(words);
    let mut filter = read_filter(words, now).or_else(|| with_subject(words, now))?;
    let all = lowered.iter().any(|word| patterns::has("all", word));
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
    let named = patterns::find("list of a name", &lowers(rest)).and_then(|named| rest.get(named));
    let rest = named.unwrap_or(rest);
    let [name] = rest else { return None };
    Some(Filter { tag: Some(name.lower.clone()), ..Filter::default() })
}

/// The question without "again", "now" and the like at its end.
fn without_tail(words: &[Word]) -> &[Word] {
    let question = patterns::find("after a question", &lowers(words));
    question.and_then(|question| words.get(question)).unwrap_or(words)
}

fn about(words: &[Word]) -> Intent {
    let rest = patterns::find("search for anything", &lowers(words));
    let words = rest.and_then(|rest| words.get(rest)).unwrap_or(words);
    let text = join(trim(words));
    Intent::List(Filter { text: Some(text), ..Filter::default() })
}
