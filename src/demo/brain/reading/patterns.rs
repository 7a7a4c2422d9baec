//! The phrases that the brain knows: `patterns.txt`, which explains its own form.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

static SECTIONS: LazyLock<HashMap<&str, Vec<Pattern>>> =
    LazyLock::new(|| read(include_str!("patterns.txt")));

/// Where in the words that is which a phrase is about; `None` if no pattern of the section fits.
/// The range is empty, at the end, for patterns that are about nothing.
pub(in crate::brain) fn find(section: &str, words: &[&str]) -> Option<Range<usize>> {
    let mut patterns = SECTIONS.get(section)?.iter();
    let (pattern, range) = patterns.find_map(|pattern| Some((pattern, pattern.fits(words)?)))?;
    (!pattern.excludes).then_some(range)
}

pub(in crate::brain) fn fits(section: &str, words: &[&str]) -> bool {
    find(section, words).is_some()
}

pub(in crate::brain) fn has(section: &str, word: &str) -> bool {
    fits(section, &[word])
}

/// How many words at the start are in the section.
pub(in crate::brain) fn run(section: &str, words: &[&str]) -> usize {
    words.iter().take_while(|word| has(section, word)).count()
}

/// The two words that a contraction stands for.
pub(in crate::brain) fn expansion(word: &str) -> Option<(&'static str, &'static str)> {
    let mut patterns = SECTIONS.get("contractions")?.iter();
    patterns.find_map(|pattern| match pattern.before.as_slice() {
        [short, first, second] if short.fits(word) => Some((first.text, second.text)),
        _ => None,
    })
}

#[derive(Default)]
struct Pattern {
    excludes: bool,
    before: Vec<Part>,
    /// Where `<` is.
    start: Option<usize>,
    /// How many words `…` or `+` stand for at least; `None` if neither is there.
    least: Option<usize>,
    after: Vec<Part>,
}

/// One word of a pattern: alternatives, separated by `|`.
#[derive(Clone, Copy)]
struct Part {
    text: &'static str,
}

impl Pattern {
    fn read(line: &'static str) -> Self {
        let mut pattern = Self::default();
        for text in line.split_whitespace() {
            match text {
                "!" => pattern.excludes = true,
                "<" => pattern.start = Some(pattern.before.len()),
                "…" => pattern.least = Some(0),
                "+" => pattern.least = Some(1),
                text if pattern.least.is_some() => pattern.after.push(Part { text }),
                text => pattern.before.push(Part { text }),
            }
        }
        pattern
    }

    fn fits(&self, words: &[&str]) -> Option<Range<usize>> {
        let (before, after) = (self.before.len(), self.after.len());
        let between = words.len().checked_sub(before + after)?;
        let end = before + between;
        let is_long_enough = self.least.map_or(between == 0, |least| between >= least);
        let fixed = words.iter().take(before).chain(words.iter().skip(end));
        let mut parts = self.before.iter().chain(&self.after).zip(fixed);
        let fits = is_long_enough && parts.all(|(part, word)| part.fits(word));
        fits.then_some(self.start.unwrap_or(before)..end)
    }
}

impl Part {
    fn fits(self, word: &str) -> bool {
        self.text == "_"
            || self.text.split('|').any(|one| match section_in(one) {
                Some(section) => has(section, word),
                None => one == word,
            })
    }
}

/// The title in `{title}`.
fn section_in(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

fn read(text: &'static str) -> HashMap<&'static str, Vec<Pattern>> {
    let mut sections: HashMap<_, Vec<Pattern>> = HashMap::new();
    let mut section = "";
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(title) => section = title,
            None => sections.entry(section).or_default().push(Pattern::read(line)),
        }
    }
    sections
}
