//! Reads commands that create todos.

use jiff::Zoned;

use super::clauses::opens_command;
use super::dates::read_when;
use super::days::ends_in_day;
use super::details::{Details, take_details, take_trailing};
use super::filter::is_noun;
use super::intent::{Intent, NewTodo, Unclear};
use super::items::split;
use super::patterns;
use super::words::{Word, WordKind, after, before, lowers, title, trim};

/// More todos in one message are refused, so that it cannot flood a list.
const MOST: usize = 30;

/// The longest title that the todo server accepts.
const LONGEST_TITLE: usize = 200;

/// None if the clause is not about adding.
pub(in crate::brain) fn read_add(words: &[Word], now: &Zoned) -> Option<Intent> {
    let clause = adding_clause(words, now)?;
    let (list_tag, rest) = without_list(clause.rest);
    let (head, rest) = noun_head(&rest);
    if clause.needs_noun
        && head.is_none()
        && rest.first().is_none_or(|word| word.kind != WordKind::Quoted)
    {
        return None;
    }
    let mut shared = clause.details.or(&head.unwrap_or_default());
    shared.tags.extend(list_tag);
    Some(match new_todos(rest, &shared, now) {
        Ok(todos) if clause.sure => Intent::Add(todos),
        Ok(todos) => Intent::Offer(todos),
        Err(unclear) => Intent::Unclear(unclear),
    })
}

/// A clause that adds todos, without its verb.
struct AddingClause<'a> {
    rest: &'a [Word],
    details: Details,
    /// "Create" and "make" are said of many things, so the word "todo" must follow.
    needs_noun: bool,
    /// False for "I need to …", which is said of many things: the brain asks first (ADR 9).
    sure: bool,
}

fn adding_clause<'a>(words: &'a [Word], now: &Zoned) -> Option<AddingClause<'a>> {
    let lowered = lowers(words);
    if patterns::fits("before a new todo", &lowered) {
        return led_by_day(words, now);
    }
    if let ["remind", "me", ..] = lowered.as_slice() {
        return Some(reminder(after(words, 2), now));
    }
    let sections = [("add", false, true), ("make", true, true), ("need", false, false)];
    sections.into_iter().find_map(|(section, needs_noun, sure)| {
        let rest = words.get(patterns::find(section, &lowered)?.start..)?;
        Some(AddingClause { rest, details: Details::default(), needs_noun, sure })
    })
}

/// "Tomorrow remind me to call mum", "for friday add milk".
fn led_by_day<'a>(words: &'a [Word], now: &Zoned) -> Option<AddingClause<'a>> {
    let found = read_when(&lowers(words), now)?;
    let rest = trim(after(words, found.used));
    let inner = match lowers(rest).as_slice() {
        ["add" | "remind", _, ..] => adding_clause(rest, now)?,
        _ => return None,
    };
    let details = inner.details.or(&Details { when: Some(found.when), ..Details::default() });
    Some(AddingClause { details, ..inner })
}

/// "Remind me to …", "remind me tomorrow at 9 to …".
fn reminder<'a>(words: &'a [Word], now: &Zoned) -> AddingClause<'a> {
    let lowered = lowers(words);
    let (rest, when) = match lowered.as_slice() {
        ["to" | "about" | "that" | "of", ..] => (after(words, 1), None),
        _ => match read_when(&lowered, now) {
            Some(found)
                if matches!(lowered.get(found.used), Some(&("to" | "about" | "that" | "of"))) =>
            {
                (after(words, found.used + 1), Some(found.when))
            }
            _ => (words, None),
        },
    };
    let details = Details { when, ..Details::default() };
    AddingClause { rest, details, needs_noun: false, sure: true }
}

/// The words without "to my list"; "to my shopping list" is a tag.
fn without_list(words: &[Word]) -> (Option<String>, Vec<Word>) {
    let lowered = lowers(words);
    let found = (0..words.len()).find_map(|at| Some((at, list_phrase(lowered.get(at..)?)?)));
    let Some((start, (used, name))) = found else { return (None, words.to_vec()) };
    let rest = [before(words, start), after(words, start + used)].concat();
    (name.map(ToOwned::to_owned), rest)
}

/// "to my list", "on the shopping list": the number of words, and the list's name.
fn list_phrase<'a>(lowered: &[&'a str]) -> Option<(usize, Option<&'a str>)> {
    if let Some(rest) = patterns::find("to the list", lowered) {
        return Some((rest.start, None));
    }
    let used = patterns::find("to a list", lowered)?.start;
    let name = lowered.get(2).copied().filter(|name| !patterns::has("no name", name));
    Some((used, name))
}

/// "a todo to", "an urgent task:", "two new todos:" before the title.
fn noun_head(words: &[Word]) -> (Option<Details>, &[Word]) {
    let lowered = lowers(words);
    let adjectives = patterns::run("describes a todo", &lowered);
    let at = (0..=adjectives).rev().find(|at| lowered.get(*at).is_some_and(|word| is_noun(word)));
    let Some(at) = at else { return (None, trim(words)) };
    let title = lowered.get(at + 1..).unwrap_or_default();
    let link = patterns::find("leads to a title", title).map_or(0, |rest| rest.start);
    let words_before = before(words, at)
        .iter()
        .filter(|word| !matches!(&*word.lower, "a" | "an" | "the" | "another" | "new"));
    let adjectives: Vec<Word> = words_before.cloned().collect();
    let priority = super::details::read_priority(&lowers(&adjectives));
    (Some(Details { priority, ..Details::default() }), trim(after(words, at + 1 + link)))
}

fn new_todos(words: &[Word], shared: &Details, now: &Zoned) -> Result<Vec<NewTodo>, Unclear> {
    // Refused and not added once: the user would miss every further date (ADR 9).
    if repeats(&lowers(words)) {
        return Err(Unclear::Repeating);
    }
    let (rest, trailing) = take_trailing(words, now);
    // What still looks like a date is one that cannot be, such as 31 February.
    if ends_in_day(&lowers(&rest)) {
        return Err(Unclear::NoDate);
    }
    let pieces = split(&rest, now);
    // "add milk and delete eggs": a title that sounds like a command is never guessed.
    if let Some(second) = pieces.iter().skip(1).find(|piece| opens_command(piece)) {
        return Err(Unclear::TwoThings(title(second)));
    }
    let mut read: Vec<(Vec<Word>, Details)> =
        pieces.iter().map(|piece| take_details(piece, now)).collect();
    if let Some((_, details)) = read.last_mut() {
        *details = std::mem::take(details).or(&trailing);
    }
    // "Milk and eggs for tomorrow": details apply to the pieces before that have none.
    let mut said = Details::default();
    for (_, details) in read.iter_mut().rev() {
        if details.is_empty() {
            details.clone_from(&said);
        }
        said.clone_from(details);
    }
    let todos: Vec<NewTodo> = read
        .into_iter()
        .filter_map(|(words, details)| new_todo(&words, details.or(shared), now))
        .collect();
    check(todos)
}

fn check(todos: Vec<NewTodo>) -> Result<Vec<NewTodo>, Unclear> {
    let numbers = |todo: &NewTodo| {
        todo.title.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-*/.#".contains(c))
    };
    if todos.is_empty() || todos.iter().any(numbers) {
        return Err(Unclear::NothingToAdd);
    }
    let long = |todo: &NewTodo| todo.title.chars().count() > LONGEST_TITLE;
    if todos.len() > MOST || todos.iter().any(long) {
        return Err(Unclear::TooMany);
    }
    Ok(todos)
}

fn new_todo(words: &[Word], details: Details, now: &Zoned) -> Option<NewTodo> {
    let words = trim(words);
    let quoted = words.iter().any(|word| word.kind == WordKind::Quoted);
    let is_empty = words.is_empty() || patterns::fits("no title", &lowers(words));
    if !quoted && is_empty {
        return None;
    }
    let due = details.when.map(|when| when.settle(now));
    Some(NewTodo { title: title(words), due, priority: details.priority, tags: details.tags })
}

/// "every monday", "each day", "daily".
fn repeats(lowered: &[&str]) -> bool {
    let unit = |word: &str| word.ends_with("day") || patterns::has("units", word);
    let pair = |pair: &[&str]| matches!(pair, ["every" | "each", word] if unit(word));
    patterns::fits("repeats", lowered) || lowered.windows(2).any(pair)
}
