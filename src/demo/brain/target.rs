//! Reads which todo a command is about: a title, a number, "it", or all of some kind.

use jiff::Zoned;

use super::filter::{Filter, is_noun, is_plural, read_filter};
use super::items::split;
use super::words::{Word, WordKind, after, join, lowers, trim};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
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
pub(super) enum ListPosition {
    At(usize),
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTarget {
    Missing,
    /// "All except …": a misreading would destroy too much.
    Except,
}

pub(super) fn read_target(words: &[Word], now: &Zoned) -> Result<Target, NoTarget> {
    let words = strip(trim(words));
    let lowered = lowers(words);
    let all = lowered.iter().any(|word| matches!(*word, "all" | "every" | "everything" | "each"));
    let except = |word: &&str| {
        matches!(*word, "except" | "but" | "apart" | "besides" | "excluding" | "without")
    };
    if all && lowered.iter().any(except) {
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
    if matches!(lowered.first(), Some(&("all" | "every" | "everything" | "each"))) {
        return Err(NoTarget::Missing);
    }
    named(words, now).ok_or(NoTarget::Missing)
}

/// A place in a list: "2", "number 2", "the second one", "the last".
pub(super) fn read_position(lowered: &[&str]) -> Option<ListPosition> {
    const ORDINALS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    match lowered {
        ["the", rest @ ..] => read_position(rest),
        [rest @ .., "one"] if rest.len() == 1 && rest != ["number"] => read_position(rest),
        [noun, rest @ ..]
            if !rest.is_empty()
                && (is_noun(noun) || matches!(*noun, "number" | "no" | "nr" | "option")) =>
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
    match lowered.as_slice() {
        [.., "from" | "off" | "on" | "of" | "in", "my" | "the", "list" | "todos" | "tasks"]
            if words.len() > 3 =>
        {
            strip(trim(words.get(..words.len() - 3).unwrap_or_default()))
        }
        [
            "the" | "my" | "a" | "an",
            noun,
            "called" | "named" | "titled" | "about" | "to" | "with",
            ..,
        ] if (is_noun(noun) || *noun == "one") && words.len() > 3 => after(words, 3),
        [noun, "called" | "named" | "titled" | "about", _, ..]
            if is_noun(noun) && !is_plural(noun) =>
        {
            after(words, 2)
        }
        [.., "please" | "too" | "again" | "also"] if words.len() > 1 => {
            strip(trim(words.get(..words.len() - 1).unwrap_or_default()))
        }
        _ => words,
    }
}

fn pronoun(lowered: &[&str]) -> Option<Target> {
    match lowered {
        ["it" | "that" | "this" | "one"] | ["that" | "this", "one" | "todo" | "task"] => {
            Some(Target::It)
        }
        ["them" | "those" | "these" | "both" | "they"]
        | ["both" | "all", "of", "them" | "those" | "these"]
        | ["them", "all" | "both"] => Some(Target::Them),
        ["all" | "the", "two" | "three" | "four" | "five"] | ["those", "two" | "three"] => {
            Some(Target::Them)
        }
        _ => None,
    }
}

fn places(lowered: &[&str]) -> Option<Vec<ListPosition>> {
    let lead = lowered
        .iter()
        .take_while(|word| matches!(**word, "the" | "number" | "numbers" | "nos" | "todos"))
        .count();
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
    let says_so =
        |word: &&str| matches!(*word, "all" | "every" | "everything" | "each") || is_noun(word);
    let said = lowered.iter().any(says_so);
    said.then(|| read_filter(words, now).or_else(|| all_about(words, lowered))).flatten()
}

/// "all milk todos" are all about milk.
fn all_about(words: &[Word], lowered: &[&str]) -> Option<Filter> {
    let skip = match lowered {
        ["all", "of", "the" | "my", _, .., noun] if is_plural(noun) => 3,
        ["all", "the" | "my", _, .., noun] if is_plural(noun) => 2,
        ["all", _, .., noun] if is_plural(noun) => 1,
        _ => return None,
    };
    let text = join(words.get(skip..words.len() - 1)?);
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
    match lowered.as_slice() {
        ["the" | "my" | "a" | "an" | "our" | "that" | "this", _, ..] => bare_title(after(words, 1)),
        [noun, _, ..] if is_noun(noun) && !is_plural(noun) => bare_title(after(words, 1)),
        [_, .., noun] if is_noun(noun) && *noun != "ones" => {
            bare_title(words.get(..words.len() - 1).unwrap_or_default())
        }
        [_, .., "one"] => words.get(..words.len() - 1).unwrap_or_default(),
        _ => words,
    }
}

fn counted(word: &str) -> Option<usize> {
    let word = word.trim_start_matches('#');
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let ending = word.get(digits.len()..).unwrap_or_default();
    let sane =
        !digits.is_empty() && digits.len() < 5 && matches!(ending, "" | "st" | "nd" | "rd" | "th");
    sane.then(|| digits.parse().ok()).flatten().filter(|place| *place > 0)
}
