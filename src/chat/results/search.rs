//! Finds words in the pages of a long result. Pure.

use std::fmt::Write as _;

use super::super::ResultPage;
use base::domain::ResultId;

/// Places that are shown; further ones are not looked for.
const MAX_PLACES: usize = 20;

/// In bytes: what is shown before and behind a place.
const AROUND: usize = 160;

/// A search that is given one page after the other.
pub(super) struct Search {
    words: String,
    /// The end of the page before: words may stand across the border.
    before: String,
    places: Vec<(usize, String)>,
}

impl Search {
    pub(super) fn new(words: &str) -> Self {
        Self { words: folded(words), before: String::new(), places: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.places.len() >= MAX_PLACES
    }

    pub(super) fn look_in(&mut self, page: &ResultPage) {
        let text = format!("{}{}", self.before, page.text);
        let (text_folded, mut from) = (folded(&text), 0);
        while let Some(place) = text_folded.get(from..).and_then(|rest| rest.find(&self.words)) {
            let (start, end) = (from + place, from + place + self.words.len());
            // One that lies within the page before was found there.
            if end > self.before.len() && !self.is_full() {
                let (first, last) = (start.saturating_sub(AROUND), (end + AROUND).min(text.len()));
                let (first, last) =
                    (text.ceil_char_boundary(first), text.floor_char_boundary(last));
                let around = text.get(first..last).unwrap_or_default();
                self.places.push((page.number, around.replace(['\n', '\r'], " ")));
            }
            // What is shown already needs no second place.
            from = text.floor_char_boundary((end + AROUND).min(text.len())).max(end);
        }
        let kept = self.words.len().saturating_sub(1) + AROUND;
        let mut end = text;
        end.drain(..end.ceil_char_boundary(end.len().saturating_sub(kept)));
        self.before = end;
    }

    /// What the model is told.
    pub(super) fn told(&self, id: &ResultId, pages: usize) -> String {
        if self.places.is_empty() {
            return format!("[these words occur on none of the {pages} pages of {id}]");
        }
        let mut told = String::new();
        for (page, around) in &self.places {
            writeln!(told, "page {page}: … {around} …").unwrap_or_default();
        }
        let more = if self.is_full() { "the first" } else { "all" };
        let count = self.places.len();
        write!(told, "[{more} {count} places found on the {pages} pages of {id}]")
            .unwrap_or_default();
        told
    }
}

/// In small letters, as long in bytes as before so that places are the same.
fn folded(text: &str) -> String {
    let small = |c: char| {
        let mut small = c.to_lowercase();
        match (small.next(), small.next()) {
            (Some(one), None) if one.len_utf8() == c.len_utf8() => one,
            _ => c,
        }
    };
    text.chars().map(small).collect()
}
