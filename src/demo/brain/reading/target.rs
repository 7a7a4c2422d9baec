//! Reads which todo a command is about: a title, a number, "it", or all of some kind.

use jiff::Zoned;

use super::filter::{Filter, is_noun, read_filter};
use super::items::split;
use super::patterns;
use super::words::{Word, WordKind, join, lowers, trim};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Target {
    /// Titles or parts of titles. The whole is tried before its parts.
    Named { whole: String, parts: Vec<String> },
    /// Places in the last list.
    Places(Vec<ListPosition>),
    /// What the last turn was about.
    It,
    /// Everything that the last turn was about.
    Them,
    /// All of some kind.
    All(Filter),
    /// Known already, by id.
    Found(Vec<String>),
    /// One of these, by id. The name fits all of them.
    Among { name: String, ids: Vec<String> },
}

/// A position in a list, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum ListPosition {
    At(usize),
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum NoTarget {
    Missing,
    /// "All except …": a misreading would destroy too much.
    Except,
}

pub(in crate::brain) fn read_target(words: &[Word], now: &Zoned) -> Result<Target, NoTarget> {
    let words = strip(trim(words));
    let lowered = lowers(words);
    let all = lowered.iter().any(|word| patterns::has("all", word));
    if all && lowered.iter().any(|word| patterns::has("except", word)) {
        return Err(NoTarget::Except);
    }
    if let Some(known) = pronoun(&lowered).or_else(|| places(&lowered).map(Target::Places)) {
        return Ok(known);
    }
    if let Some(filter) = several(words, &lowered, now) {
        return if all || !filter.is_default() {
            Ok(Target::All(filter))
        } else {
            Err(NoTarget::Missing)
        };
    }
    // "All the emails" must never be read as a title with these words.
    if lowered.first().is_some_and(|word| patterns::has("all", word)) {
        return Err(NoTarget::Missing);
    }
    named(words, now).ok_or(NoTarget::Missing)
}

/// A place in a list: "2", "number 2", "the second one", "the last".
pub(in crate::brain) fn read_position(lowered: &[&str]) -> Option<ListPosition> {
    const ORDINALS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    match lowered {
        ["the", rest @ ..] => read_position(rest),
        [rest @ .., "one"] if rest.len() == 1 && rest != ["number"] => read_position(rest),
        [noun, rest @ ..]
            if !rest.is_empty() && (is_noun(noun) || patterns::has("numbered", noun)) =>
        {
            read_position(rest)
        }
        [rest @ .., noun] if !rest.is_empty() && is_noun(noun) => read_position(rest),
        ["last"] => Some(ListPosition::Last),
        [word] => ORDINALS
            .iter()
            .position(|name| name == word)
            .map(|at| ListPosition::At(at + 1))
            .or_else(|| counted(word).map(ListPosition::At)),
        _ => None,
    }
}

/// The words without "the", "my", "todo" and "from my list" around the title.
fn strip(words: &[Word]) -> &[Word] {
    let lowered = lowers(words);
    if let Some(rest) = patterns::find("around a title", &lowered) {
        return strip(trim(words.get(rest).unwrap_or_default()));
    }
    if let Some(rest) = patterns::find("before a title", &lowered) {
        return words.get(rest).unwrap_or(words);
    }
    match patterns::find("after a title", &lowered) {
        Some(rest) => strip(trim(words.get(rest).unwrap_or_default())),
        None => words,
    }
}

fn pronoun(lowered: &[&str]) -> Option<Target> {
    let it = patterns::fits("it", lowered).then_some(Target::It);
    it.or_else(|| patterns::fits("them", lowered).then_some(Target::Them))
}

fn places(lowered: &[&str]) -> Option<Vec<ListPosition>> {
    let lead = patterns::run("before places", lowered);
    let rest = lowered.get(lead..)?;
    let parts = rest.split(|word| matches!(*word, "and" | "," | "&"));
    let filled: Vec<&[&str]> = parts.filter(|part| !part.is_empty()).collect();
    let found: Option<Vec<ListPosition>> = filled.iter().map(|part| read_position(part)).collect();
    found.filter(|places| !places.is_empty())
}

/// "all todos", "the done ones", "everything tagged home".
fn several(words: &[Word], lowered: &[&str], now: &Zoned) -> Option<Filter> {
    if words.iter().any(|word| word.kind == WordKind::Quoted) {
        return None;
    }
    let said = lowered.iter().any(|word| patterns::has("all", word) || is_noun(word));
    said.then(|| read_filter(words, now).or_else(|| all_about(words, lowered))).flatten()
}

/// "all milk todos" are all about milk.
fn all_about(words: &[Word], lowered: &[&str]) -> Option<Filter> {
    let text = join(words.get(patterns::find("all about", lowered)?)?);
    Some(Filter { text: Some(text), ..Filter::default() })
}

fn named(words: &[Word], now: &Zoned) -> Option<Target> {
    let bare = |words: &[Word]| join(bare_title(words));
    let whole = bare(words);
    let parts: Vec<String> = split(words, now).iter().map(|piece| bare(piece)).collect();
    (!whole.is_empty()).then_some(Target::Named { whole, parts })
}

/// "the milk todo" is about "milk".
fn bare_title(words: &[Word]) -> &[Word] {
    let lowered = lowers(words);
    if let Some(rest) = patterns::find("around a bare title", &lowered) {
        return bare_title(words.get(rest).unwrap_or_default());
    }
    patterns::find("one", &lowered).and_then(|rest| words.get(rest)).unwrap_or(words)
}

fn counted(word: &str) -> Option<usize> {
    let word = word.trim_start_matches('#');
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let ending = word.get(digits.len()..).unwrap_or_default();
    let sane =
        !digits.is_empty() && digits.len() < 5 && matches!(ending, "" | "st" | "nd" | "rd" | "th");
    sane.then(|| digits.parse().ok()).flatten().filter(|place| *place > 0)
}
