//! Removes due times, priorities and tags from a phrase, so that the title is left.

use jiff::Zoned;

use super::asides::{aside, is_predicate};
use super::dates::{Found, When, read_when};
use super::days::Lead;
use super::patterns;
use super::words::{Word, WordKind, after, before, lowers, trim};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum Priority {
    Low,
    Normal,
    High,
}

/// What a phrase says apart from the title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::brain) struct Details {
    pub(in crate::brain) when: Option<When>,
    pub(in crate::brain) priority: Option<Priority>,
    pub(in crate::brain) tags: Vec<String>,
}

impl Priority {
    /// The word that the todo server accepts.
    pub(in crate::brain) fn text(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl Details {
    /// Fills missing details from those said for all todos.
    pub(in crate::brain) fn or(mut self, shared: &Details) -> Details {
        self.when = self.when.or(shared.when);
        self.priority = self.priority.or(shared.priority);
        for tag in &shared.tags {
            self.add_tag(tag);
        }
        self
    }

    pub(in crate::brain) fn is_empty(&self) -> bool {
        *self == Details::default()
    }

    fn add_tag(&mut self, tag: &str) {
        if !tag.is_empty() && !self.tags.iter().any(|known| known == tag) {
            self.tags.push(tag.to_owned());
        }
    }
}

/// Details at the end of a phrase, such as "for tomorrow" or "with tag home".
pub(in crate::brain) fn take_trailing(words: &[Word], now: &Zoned) -> (Vec<Word>, Details) {
    let mut left = trim(words).to_vec();
    let mut details = Details::default();
    while let Some(start) = (1..left.len()).find(|at| ends_here(&left, *at, now)) {
        note(after(&left, start), now, &mut details);
        left.truncate(start);
        left = trim(&left).to_vec();
    }
    (left, details)
}

/// Details anywhere in a phrase: at its end, at its start, or introduced within it.
pub(in crate::brain) fn take_details(words: &[Word], now: &Zoned) -> (Vec<Word>, Details) {
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

/// The priority, if the whole phrase names one.
pub(in crate::brain) fn read_priority(lowers: &[&str]) -> Option<Priority> {
    if let Some(rest) = patterns::find("before a priority", lowers) {
        return read_priority(lowers.get(rest)?);
    }
    if patterns::fits("urgent", lowers) {
        return Some(Priority::High);
    }
    if patterns::fits("not urgent", lowers) {
        return Some(Priority::Low);
    }
    read_level(lowers.get(patterns::find("priority", lowers)?)?)
}

/// The level that a word names where a priority is expected.
pub(in crate::brain) fn read_level(lowers: &[&str]) -> Option<Priority> {
    let levels = [
        ("high level", Priority::High),
        ("normal level", Priority::Normal),
        ("low level", Priority::Low),
    ];
    let mut levels = levels.into_iter();
    levels.find(|(section, _)| patterns::fits(section, lowers)).map(|(_, priority)| priority)
}

/// The tags, if the whole phrase names them: "tagged a and b", "with tag a", "#a".
pub(in crate::brain) fn read_tags(words: &[Word]) -> Option<Vec<String>> {
    let lowered = lowers(words);
    let names = match lowered.as_slice() {
        [",", ..] => return read_tags(after(words, 1)),
        _ => match patterns::find("tags", &lowered) {
            Some(names) => words.get(names)?,
            None if lowered.first() == Some(&"and") => return read_tags(after(words, 1)),
            None if words.iter().all(|word| hash_tag(word).is_some()) => words,
            None => return None,
        },
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
pub(in crate::brain) fn hash_tag(word: &Word) -> Option<&str> {
    let name = word.lower.strip_prefix('#')?;
    (word.kind == WordKind::Plain && name.starts_with(char::is_alphabetic)).then_some(name)
}

/// A tag as a single word: without its hash, in lower case.
pub(in crate::brain) fn tag_name(word: &Word) -> String {
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

/// Whether only details follow from `at` to the end.
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

/// "Black Friday" and "think about tomorrow" are not due dates.
fn clings(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    before.is_some_and(|word| patterns::has("clings to a day", &word.lower))
}

/// Titles end in "important" too often ("remember what is important").
fn strong_priority(lowers: &[&str]) -> Option<Priority> {
    if lowers.last() == Some(&"important") { None } else { read_priority(lowers) }
}

/// A remark about the todo: a priority, a due time, or both in this order.
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

/// A due phrase that uses every word; also "tomorrow morning," or "(due) today".
pub(in crate::brain) fn whole_when(lowers: &[&str], now: &Zoned) -> Option<When> {
    let lowers = match lowers {
        [rest @ .., "," | "." | "please"] => rest,
        ["," | "and", rest @ ..] => rest,
        _ => lowers,
    };
    read_when(lowers, now).filter(|found| found.used == lowers.len()).map(|found| found.when)
}

/// How many words of details begin a phrase that continues.
fn leading(words: &[Word], now: &Zoned) -> Option<usize> {
    let lowered = lowers(words);
    let mark = |used: usize| lowered.get(used).is_some_and(|next| matches!(*next, ":" | ","));
    if let Some(rest) = patterns::find("leading priority", &lowered) {
        return Some(rest.start);
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

/// Within a title only an introduced phrase or a lower-case "tomorrow" is a due date. Others are
/// names, such as "The Day After Tomorrow".
fn interrupts(rest: &[Word], found: Found) -> bool {
    let small = matches!(
        rest.first().map(|word| word.text.as_str()),
        Some("today" | "tomorrow" | "tonight")
    );
    found.lead == Lead::Strong || small
}
