//! Cuts a text into what one chunk says.

use super::ids::Ids;

/// The least and the most characters that a chunk of text has, give or take a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chars {
    /// No chunk but the last is shorter.
    pub least: usize,
    /// A chunk is longer by one word at most.
    pub most: usize,
}

/// Words of text to a chunk, where no length is asked for.
const WORDS: usize = 4;

/// A few words each, or as many characters as asked for; nothing is lost.
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
