//! Cuts a message into clauses and finds the manner of each: command, request, question, refusal.

use super::chatting::read_chat;
use super::patterns;
use super::words::{Word, WordKind, after, before, lowers, trim, words};

/// One clause, without courtesies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) struct Clause {
    pub(in crate::brain) words: Vec<Word>,
    pub(in crate::brain) manner: Manner,
}

/// Decides whether a clause may be carried out: only the first two are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Manner {
    /// "Add milk."
    Told,
    /// "Could you add milk?"
    Requested,
    /// "Milk is done?"
    Asked,
    /// "Don't add milk."
    Refused,
    /// "How do I add milk?", "Should I add milk?"
    HowTo,
}

pub(in crate::brain) fn clauses(text: &str) -> Vec<Clause> {
    let all = words(text);
    sentences(&all).into_iter().flat_map(|sentence| cut(&sentence)).filter_map(courteous).collect()
}

/// Whether a phrase begins with a known command.
pub(in crate::brain) fn opens_command(words: &[Word]) -> bool {
    patterns::fits("commands that follow", &lowers(words))
}

/// Each sentence keeps its closing mark, which decides about its manner.
fn sentences(all: &[Word]) -> Vec<Vec<Word>> {
    let ends = |word: &Word| matches!(word.kind, WordKind::Stop | WordKind::Question);
    all.split_inclusive(ends).map(<[Word]>::to_vec).collect()
}

/// Cuts before a command that follows another. Titles of new todos may sound like commands, so they
/// are left to `adding`.
fn cut(sentence: &[Word]) -> Vec<Vec<Word>> {
    let mut parts: Vec<Vec<Word>> = vec![Vec::new()];
    for (at, word) in sentence.iter().enumerate() {
        let joint = word.kind == WordKind::Break || matches!(&*word.lower, "and" | "then");
        let rest = after(sentence, at + 1);
        let adds = parts.last().is_some_and(|part| is_addition(part));
        let splits = if adds {
            patterns::fits("commands that follow new todos", &lowers(rest))
        } else {
            opens_command(rest)
        };
        if joint && splits {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(word.clone());
        }
    }
    parts
}

fn is_addition(words: &[Word]) -> bool {
    let lowered = lowers(words);
    let opening = lowered
        .iter()
        .position(|word| matches!(*word, "add" | "remind" | "create" | "put" | "remember"));
    opening.is_some_and(|at| at < 6)
}

/// Removes courtesies and finds the manner; none if nothing is left.
fn courteous(words: Vec<Word>) -> Option<Clause> {
    let asked = words.last().is_some_and(|word| word.kind == WordKind::Question);
    let whole = trim(&words);
    let mut rest = whole;
    let mut requested = false;
    while read_chat(rest).is_none() {
        let lowered = lowers(rest);
        let request = patterns::find("requests", &lowered).map(|about| about.start);
        let courtesy = patterns::find("courtesies", &lowered).map(|about| about.start);
        requested |= request.is_some();
        let Some(used) = request.or(courtesy).filter(|used| *used < rest.len()) else { break };
        rest = trim(after(rest, used));
    }
    if rest.is_empty() {
        return None;
    }
    let words = polite_end(rest).to_vec();
    let manner = manner(&lowers(&words), asked, requested);
    Some(Clause { words, manner })
}

fn manner(lowered: &[&str], asked: bool, requested: bool) -> Manner {
    if patterns::fits("refusals", lowered) {
        Manner::Refused
    } else if patterns::fits("questions about doing", lowered) {
        Manner::HowTo
    } else if requested {
        Manner::Requested
    } else if asked {
        Manner::Asked
    } else {
        Manner::Told
    }
}

/// The words without "please", "for me", "thanks" at their end.
fn polite_end(words: &[Word]) -> &[Word] {
    let words = trim(words);
    match patterns::find("courtesies at the end", &lowers(words)) {
        Some(rest) => polite_end(before(words, rest.end)),
        None => words,
    }
}
