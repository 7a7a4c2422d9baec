//! Cuts a text into chunks.

use super::ids::Ids;

/// Characters of a chunk, up to one word more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chars {
    /// Only the last chunk may be shorter.
    pub least: usize,
    /// A chunk exceeds this by one word at most.
    pub most: usize,
}

/// Words per chunk if no length is given.
const WORDS: usize = 4;

/// Joined, the chunks are the text.
pub(crate) fn phrases(text: &str, chars: Option<Chars>, ids: &Ids) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    match chars {
        None => words.chunks(WORDS).map(<[&str]>::concat).collect(),
        Some(chars) => by_length(&words, chars, ids),
    }
}

fn by_length(words: &[&str], chars: Chars, ids: &Ids) -> Vec<String> {
    let mut phrases: Vec<String> = vec![];
    let mut left = 0;
    for word in words {
        if left == 0 {
            phrases.push(String::new());
            left = length(chars, ids);
        }
        if let Some(phrase) = phrases.last_mut() {
            phrase.push_str(word);
        }
        left = left.saturating_sub(word.chars().count());
    }
    phrases
}

fn length(chars: Chars, ids: &Ids) -> usize {
    let sides = chars.most.saturating_sub(chars.least) + 1;
    chars.least + usize::try_from(ids.roll(u64::try_from(sides).unwrap_or(1))).unwrap_or(0)
}
