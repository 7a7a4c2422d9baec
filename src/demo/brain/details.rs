//! Takes due words, priorities and tags out of a phrase and leaves the title.

use jiff::Zoned;

use super::asides::{aside, is_predicate};
use super::dates::{Found, When, read_when};
use super::days::Lead;
use super::words::{Word, WordKind, after, before, lowers, trim};

/// How much a todo matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    Low,
    Normal,
    High,
}

/// What a phrase says beside its title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) when: Option<When>,
    pub(super) priority: Option<Priority>,
    pub(super) tags: Vec<String>,
}

impl Priority {
    /// The word that todo servers take.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl Details {
    /// Fills what is missing from what was said for all.
    pub(super) fn or(mut self, shared: &Details) -> Details {
        self.when = self.when.or(shared.when);
        self.priority = self.priority.or(shared.priority);
        for tag in &shared.tags {
            self.add_tag(tag);
        }
        self
    }

    /// Whether nothing was said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Details::default()
    }

    fn add_tag(&mut self, tag: &str) {
        if !tag.is_empty() && !self.tags.iter().any(|known| known == tag) {
            self.tags.push(tag.to_owned());
        }
    }
}

/// Details at the end of a phrase, such as "for tomorrow" or "with tag home".
pub(super) fn take_trailing(words: &[Word], now: &Zoned) -> (Vec<Word>, Details) {
    let mut left = trim(words).to_vec();
    let mut details = Details::default();
    while let Some(start) = (1..left.len()).find(|at| ends_here(&left, *at, now)) {
        note(after(&left, start), now, &mut details);
        left.truncate(start);
        left = trim(&left).to_vec();
    }
    (left, details)
}

/// Details anywhere in a phrase: at its end, at its start, and led in on the way.
pub(super) fn take_details(words: &[Word], now: &Zoned) -> (Vec<Word>, Details) {
    let (mut left, mut details) = take_trailing(words, now);
    left.retain(|word| {
        let tag = hash_tag(word);
        details.add_tag(tag.unwrap_or_default());
        tag.is_none()
    });
    while let Some(used) = leading(&left, now) {
        note(before(&left, used), now, &mut details);
        left = trim(after(&left, used)).to_vec();
    }
    if details.when.is_none() {
        take_middle(&mut left, now, &mut details);
    }
    (left, details)
}

/// The priority that a whole phrase names.
pub(super) fn read_priority(lowers: &[&str]) -> Option<Priority> {
    let core = match lowers {
        [
            "with" | "at" | "of" | "as" | "is" | "and" | "to" | "a" | "very" | "really" | ",",
            rest @ ..,
        ] => {
            return read_priority(rest);
        }
        [core @ .., "priority" | "prio" | "importance"] => core,
        ["priority" | "prio", ":" | "is", core @ ..] | ["priority" | "prio", core @ ..] => core,
        ["urgent" | "urgently" | "asap" | "!!" | "important"] => return Some(Priority::High),
        ["not", "urgent" | "important"] => return Some(Priority::Low),
        _ => return None,
    };
    read_level(core)
}

/// The level that a word names where a priority is asked for.
pub(super) fn read_level(lowers: &[&str]) -> Option<Priority> {
    match lowers {
        ["high" | "highest" | "top" | "urgent" | "higher"] => Some(Priority::High),
        ["normal" | "medium" | "default"] => Some(Priority::Normal),
        ["low" | "lowest" | "lower"] => Some(Priority::Low),
        _ => None,
    }
}

/// The tags that a whole phrase names: "tagged a and b", "with tag a", "#a".
pub(super) fn read_tags(words: &[Word]) -> Option<Vec<String>> {
    let lowered = lowers(words);
    let names = match lowered.as_slice() {
        ["and", "tag" | "tags" | "label", _, ..] => after(words, 2),
        ["," | "and", ..] => return read_tags(after(words, 1)),
        ["tagged", "with" | "as", _, ..] => after(words, 2),
        ["tagged", _, ..] => after(words, 1),
        ["with", "the", "tag" | "tags" | "label", _, ..] => after(words, 3),
        ["with", "tag" | "tags" | "label", _, ..] => after(words, 2),
        ["tag" | "tags", ":", _, ..] => after(words, 2),
        _ if words.iter().all(|word| hash_tag(word).is_some()) => words,
        _ => return None,
    };
    let mut tags = Vec::new();
    for (at, word) in names.iter().enumerate() {
        match word.lower.as_str() {
            "," | "and" => {}
            _ if at > 0 && names.get(at - 1).is_some_and(|word| !is_link(word)) => return None,
            _ => tags.push(tag_name(word)),
        }
    }
    (!tags.is_empty()).then_some(tags)
}

/// The name in `#name`, in lower case.
pub(super) fn hash_tag(word: &Word) -> Option<&str> {
    let name = word.lower.strip_prefix('#')?;
    (word.kind == WordKind::Plain && name.starts_with(char::is_alphabetic)).then_some(name)
}

/// A tag as a single word: without its hash, in lower case.
pub(super) fn tag_name(word: &Word) -> String {
    match word.kind {
        WordKind::Quoted => word.text.clone(),
        WordKind::Plain
        | WordKind::Break
        | WordKind::Colon
        | WordKind::Stop
        | WordKind::Question
        | WordKind::Bangs => word.lower.trim_start_matches('#').to_owned(),
    }
}

fn is_link(word: &Word) -> bool {
    matches!(word.lower.as_str(), "," | "and") || hash_tag(word).is_some()
}

/// Whether details, and nothing else, go from a place to the end.
fn ends_here(words: &[Word], at: usize, now: &Zoned) -> bool {
    let tail = after(words, at);
    let lowered = lowers(tail);
    let quoted = tail.iter().any(|word| word.kind == WordKind::Quoted);
    let priority = || strong_priority(&lowered).is_some() && !is_predicate(words, at);
    let when = || whole_when(&lowered, now).is_some() && !clings(words, at);
    read_tags(tail).is_some()
        || (!quoted && (priority() || when()))
        || read_aside(tail, now).is_some()
}

/// "Black Friday" and "think about tomorrow" name no due date.
fn clings(words: &[Word], at: usize) -> bool {
    const HOLDERS: [&str; 11] = [
        "about", "after", "of", "the", "black", "good", "cyber", "easter", "since", "like",
        "called",
    ];
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    before.is_some_and(|word| HOLDERS.contains(&&*word.lower))
}

/// "important" ends titles too often ("remember what is important").
fn strong_priority(lowers: &[&str]) -> Option<Priority> {
    if lowers.last() == Some(&"important") { None } else { read_priority(lowers) }
}

/// What a phrase says beside the todo, if that is a priority, a due time, or one after the other.
fn read_aside(words: &[Word], now: &Zoned) -> Option<Details> {
    let said = aside(words)?;
    (0..=said.len()).find_map(|at| {
        let (first, second) = said.split_at_checked(at)?;
        let (priority, when) = (read_priority(first), whole_when(second, now));
        let fits =
            (priority.is_some() || first.is_empty()) && (when.is_some() || second.is_empty());
        fits.then(|| Details { when, priority, ..Details::default() })
    })
}

fn note(words: &[Word], now: &Zoned, details: &mut Details) {
    if let Some(aside) = read_aside(words, now) {
        *details = std::mem::take(details).or(&aside);
        return;
    }
    let lowered = lowers(words);
    for tag in read_tags(words).unwrap_or_default() {
        details.add_tag(&tag);
    }
    details.priority = details.priority.or_else(|| read_priority(&lowered));
    details.when = details.when.or_else(|| whole_when(&lowered, now));
}

/// A due phrase that takes every word; also "tomorrow morning," or "(due) today".
pub(super) fn whole_when(lowers: &[&str], now: &Zoned) -> Option<When> {
    let lowers = match lowers {
        [rest @ .., "," | "." | "please"] => rest,
        ["," | "and", rest @ ..] => rest,
        _ => lowers,
    };
    read_when(lowers, now).filter(|found| found.used == lowers.len()).map(|found| found.when)
}

/// How many words of details open a phrase that goes on.
fn leading(words: &[Word], now: &Zoned) -> Option<usize> {
    let lowered = lowers(words);
    let mark = |used: usize| lowered.get(used).is_some_and(|next| matches!(*next, ":" | ","));
    let priority = match lowered.as_slice() {
        ["!!" | "urgent" | "urgently", _, ..] => 1,
        ["important", ":", _, ..] => 1,
        ["high" | "low" | "top", "priority" | "prio", _, ..] => 2,
        _ => 0,
    };
    if priority > 0 {
        return Some(priority);
    }
    let found = read_when(&lowered, now).filter(|found| found.used < words.len())?;
    let plain = matches!(lowered.as_slice(), ["today" | "tomorrow" | "tonight", ..]);
    (mark(found.used) || found.lead == Lead::Strong || plain).then_some(found.used)
}

fn take_middle(words: &mut Vec<Word>, now: &Zoned, details: &mut Details) {
    let found = (1..words.len()).find_map(|at| {
        let rest = after(words, at);
        let found = read_when(&lowers(rest), now).filter(|found| found.used < rest.len())?;
        interrupts(rest, found).then_some((at, found))
    });
    if let Some((at, found)) = found {
        details.when = Some(found.when);
        words.drain(at..at + found.used);
    }
}

/// Inside a title only a led-in phrase or a small "tomorrow" is a due date, not a name.
fn interrupts(rest: &[Word], found: Found) -> bool {
    let small = matches!(
        rest.first().map(|word| word.text.as_str()),
        Some("today" | "tomorrow" | "tonight")
    );
    found.lead == Lead::Strong || small
}
