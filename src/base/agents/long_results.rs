//! Long results of tools: how a text is divided into pages, and the note by which a model reads on
//! (ADR 48). Pure.

use std::fmt;

use crate::domain::{ResultId, shorten};

/// In bytes, which is about 6,000 tokens: five pages fit into the smallest usual context. In bytes and
/// not in characters, because a character of most scripts costs a model as much as four of ASCII.
pub const PAGE_BYTES: usize = 24_000;

/// A page ends with a line, if one ends in this last part of it.
const LINE_WITHIN: usize = PAGE_BYTES / 4;

/// In characters: results that do not fit into the context are shortened to this.
const SHORT_RESULT: usize = 400;

/// In bytes: no note is longer, and not so long that a tool's own text would be searched.
const MAX_NOTE: usize = 400;

const BEGINNING: &str = "\n[page ";
const NAMED: &str = "read_result {\"id\": \"";

/// Says which page of a long result a text is, and how to read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageNote {
    pub id: ResultId,
    /// From 1 on.
    pub page: usize,
    pub pages: usize,
}

/// The text in pages: one, if it is short. Together they are the text.
pub fn pages_of(text: &str) -> Vec<&str> {
    let (mut pages, mut rest) = (Vec::new(), text);
    while rest.len() > PAGE_BYTES {
        let (page, after) = rest.split_at(end_of_page(rest));
        pages.push(page);
        rest = after;
    }
    if !rest.is_empty() || pages.is_empty() {
        pages.push(rest);
    }
    pages
}

impl PageNote {
    /// The note in a result. A tool may write one as well, which then names nothing that is kept.
    pub fn find(output: &str) -> Option<Self> {
        let start = output.ceil_char_boundary(output.len().saturating_sub(2 * MAX_NOTE));
        let (_, note) = output.get(start..)?.rsplit_once(BEGINNING)?;
        let (page, rest) = note.split_once(" of ")?;
        let (pages, _) = rest.split_once(|c: char| !c.is_ascii_digit())?;
        let (_, named) = rest.split_once(NAMED)?;
        let (id, _) = named.split_once('"')?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let fits = id.len() <= MAX_NOTE / 4 && id.chars().all(is_plain);
        let (page, pages) = (page.parse().ok()?, pages.parse().ok()?);
        fits.then(|| Self { id: id.into(), page, pages })
    }

    /// What remains of a result that does not fit into the context any more.
    pub(super) fn short(output: &str) -> String {
        let short = shorten(output, SHORT_RESULT);
        match Self::find(output) {
            Some(Self { id, page, pages }) => format!(
                "{short}{BEGINNING}{page} of {pages}, shortened: {NAMED}{id}\", \"page\": {page}}} \
                 reads it again]"
            ),
            None => short,
        }
    }
}

impl fmt::Display for PageNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, page, pages } = self;
        write!(out, "{BEGINNING}{page} of {pages}")?;
        if page < pages {
            write!(out, "; the rest: {NAMED}{id}\", \"page\": {}}}", page + 1)?;
        } else {
            write!(out, ", the last; the first: {NAMED}{id}\", \"page\": 1}}")?;
        }
        write!(out, "; to search all: {NAMED}{id}\", \"find\": \"words\"}}]")
    }
}

fn end_of_page(text: &str) -> usize {
    let end = text.floor_char_boundary(PAGE_BYTES);
    let last = text.floor_char_boundary(PAGE_BYTES - LINE_WITHIN);
    let line = text.get(last..end).and_then(|part| part.rfind('\n'));
    line.map_or(end, |place| last + place + 1)
}
