//! Cuts a message into clauses and finds the manner of each: command, request, question, refusal.

use super::chatting::read_chat;
use super::words::{Word, WordKind, after, lowers, opens, trim, words};

/// One clause, without courtesies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) words: Vec<Word>,
    pub(super) manner: Manner,
}

/// Decides whether a clause may be carried out: only the first two are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
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

/// Courtesies at the start of a clause, without meaning.
const COURTESIES: &[&[&str]] = &[
    &["please"],
    &["kindly"],
    &["hi", "there"],
    &["hello", "there"],
    &["hey", "there"],
    &["hi"],
    &["hello"],
    &["hey"],
    &["ok"],
    &["okay"],
    &["so"],
    &["well"],
    &["oh"],
    &["great"],
    &["now"],
    &["also"],
    &["then"],
    &["and"],
    &["just"],
    &["actually"],
    &["quickly"],
    &["thanks"],
    &["yes"],
    &["i", "want", "you", "to"],
    &["i", "want", "to"],
    &["i", "need", "you", "to"],
    &["i", "would", "like", "you", "to"],
    &["i", "would", "like", "to"],
    &["let", "us"],
    &["go", "ahead", "and"],
];

/// Openings that request something.
const REQUESTS: &[&[&str]] = &[
    &["can", "you"],
    &["could", "you"],
    &["would", "you", "mind"],
    &["would", "you"],
    &["will", "you"],
    &["are", "you", "able", "to"],
    &["can", "i", "see"],
    &["could", "i", "see"],
    &["may", "i", "see"],
    &["can", "i", "have"],
    &["let", "me", "see"],
];

/// Openings that ask about something instead of requesting it.
const HOW_TO: &[&[&str]] = &[
    &["how"],
    &["should"],
    &["shall"],
    &["may", "i"],
    &["can", "i"],
    &["could", "i"],
    &["can", "we"],
    &["do", "you"],
    &["did"],
    &["why"],
    &["what", "if"],
    &["what", "happens"],
    &["what", "would"],
    &["if"],
    &["is", "it", "possible"],
    &["are", "you"],
    &["would", "it"],
    &["what", "does"],
];

/// Commands that may follow another one after "and" or a comma.
const FOLLOWERS: &[&[&str]] = &[
    &["add"],
    &["delete"],
    &["remove"],
    &["mark"],
    &["complete"],
    &["rename"],
    &["reopen"],
    &["reschedule"],
    &["postpone"],
    &["tick", "off"],
    &["remind", "me"],
    &["show", "me"],
    &["list", "my"],
    &["list", "all"],
    &["list", "the"],
];

pub(super) fn clauses(text: &str) -> Vec<Clause> {
    let all = words(text);
    sentences(&all).into_iter().flat_map(|sentence| cut(&sentence)).filter_map(courteous).collect()
}

/// Whether a phrase begins with a known command.
pub(super) fn opens_command(words: &[Word]) -> bool {
    let lowered = lowers(words);
    FOLLOWERS.iter().any(|follower| opens(&lowered, follower))
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
            lowers(rest).first() == Some(&"add") || shows(rest)
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

fn shows(words: &[Word]) -> bool {
    let lowered = lowers(words);
    [["show", "me"], ["list", "my"], ["list", "all"]].iter().any(|with| opens(&lowered, with))
}

/// Removes courtesies and finds the manner; none if nothing is left.
fn courteous(words: Vec<Word>) -> Option<Clause> {
    let asked = words.last().is_some_and(|word| word.kind == WordKind::Question);
    let whole = trim(&words);
    let mut rest = whole;
    let mut requested = false;
    while read_chat(rest).is_none() {
        let lowered = lowers(rest);
        let request = strip_any(&lowered, REQUESTS);
        let courtesy = strip_any(&lowered, COURTESIES);
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
    let reminds =
        matches!(lowered, ["do", "not", "forget", ..] | ["do", "not", "let", "me", "forget", ..]);
    if !reminds && matches!(lowered, ["do", "not", ..] | ["never", ..] | ["not", ..] | ["stop", ..])
    {
        Manner::Refused
    } else if asks_how(lowered) {
        Manner::HowTo
    } else if requested {
        Manner::Requested
    } else if asked {
        Manner::Asked
    } else {
        Manner::Told
    }
}

fn asks_how(lowered: &[&str]) -> bool {
    !matches!(lowered, ["how", "many", ..] | ["do", "you", "have", ..])
        && HOW_TO.iter().any(|opening| opens(lowered, opening))
}

fn strip_any(lowered: &[&str], openings: &[&[&str]]) -> Option<usize> {
    openings.iter().find(|opening| opens(lowered, opening)).map(|opening| opening.len())
}

/// The words without "please", "for me", "thanks" at their end.
fn polite_end(words: &[Word]) -> &[Word] {
    let words = trim(words);
    let lowered = lowers(words);
    let less = match lowered.as_slice() {
        [_, .., "thank", "you"] => 2,
        [_, _, .., "for", "me"] => 2,
        [_, .., "please" | "thanks" | "pls"] => 1,
        _ => return words,
    };
    polite_end(words.get(..words.len() - less).unwrap_or_default())
}
