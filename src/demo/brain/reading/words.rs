//! Cuts a text into words. A quotation is one word, so that commands within it are not read.

use super::patterns;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::brain) enum WordKind {
    Plain,
    /// The content of a quotation.
    Quoted,
    /// A comma, semicolon or new line.
    Break,
    Colon,
    Stop,
    Question,
    /// Two or more exclamation marks.
    Bangs,
}

/// One word, as typed and in the form for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::brain) struct Word {
    pub(in crate::brain) text: String,
    pub(in crate::brain) lower: String,
    pub(in crate::brain) kind: WordKind,
}

pub(in crate::brain) fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = if let Some((inner, after)) = quoted(rest) {
            found.push(marked(inner, WordKind::Quoted));
            after
        } else if first == '\n' {
            found.push(marked(",", WordKind::Break));
            rest.trim_start().trim_start_matches(['-', '*', '•', '–', '·'])
        } else if first.is_whitespace() {
            rest.trim_start_matches(|c: char| c.is_whitespace() && c != '\n')
        } else {
            let (chunk, after) = rest.split_at(chunk_length(rest));
            push_chunk(chunk, &mut found);
            after
        };
    }
    found
}

/// The words for comparison. Marks are themselves; a quotation matches nothing.
pub(in crate::brain) fn lowers(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.lower.as_str()).collect()
}

/// Joins words as they were typed.
pub(in crate::brain) fn join(words: &[Word]) -> String {
    if let [only] = words {
        return only.text.clone();
    }
    let mut text = String::new();
    for word in words.iter().filter(|word| !word.text.is_empty()) {
        if !text.is_empty() && matches!(word.kind, WordKind::Plain | WordKind::Quoted) {
            text.push(' ');
        }
        match word.kind {
            WordKind::Quoted => text.extend(["\"", &word.text, "\""]),
            WordKind::Plain
            | WordKind::Break
            | WordKind::Colon
            | WordKind::Stop
            | WordKind::Question
            | WordKind::Bangs => {
                text.push_str(&word.text);
            }
        }
    }
    text
}

/// A title: as typed, with a capital first letter.
pub(in crate::brain) fn title(words: &[Word]) -> String {
    capital(join(trim(words)).trim())
}

pub(in crate::brain) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(in crate::brain) fn trim(words: &[Word]) -> &[Word] {
    match words {
        [first, rest @ ..] if is_mark(first) => trim(rest),
        [rest @ .., last] if is_mark(last) => trim(rest),
        _ => words,
    }
}

pub(in crate::brain) fn after(words: &[Word], count: usize) -> &[Word] {
    words.get(count..).unwrap_or_default()
}

pub(in crate::brain) fn before(words: &[Word], count: usize) -> &[Word] {
    words.get(..count).unwrap_or(words)
}

fn is_mark(word: &Word) -> bool {
    match word.kind {
        WordKind::Break | WordKind::Colon | WordKind::Stop | WordKind::Question => true,
        WordKind::Plain | WordKind::Quoted | WordKind::Bangs => false,
    }
}

fn marked(text: &str, kind: WordKind) -> Word {
    let lower = if kind == WordKind::Quoted { "\"" } else { text };
    Word { text: text.to_owned(), lower: lower.to_owned(), kind }
}

/// A quotation at the start of the text: its content, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let open = text.chars().next()?;
    let close = match open {
        '"' => '"',
        '“' | '„' => '”',
        '«' => '»',
        '\'' => '\'',
        '‘' => '’',
        _ => return None,
    };
    let inside = text.get(open.len_utf8()..)?;
    let ends = |at: &usize| {
        let next = inside.get(at + close.len_utf8()..).and_then(|rest| rest.chars().next());
        close == '"' || next.is_none_or(|next| !next.is_alphanumeric())
    };
    let at = inside.match_indices(close).map(|(at, _)| at).find(ends)?;
    let inner = inside.get(..at)?.trim();
    (!inner.is_empty()).then_some((inner, inside.get(at + close.len_utf8()..)?))
}

/// The length of a run without white space, quotes or separating commas ("1,000" is one word).
fn chunk_length(text: &str) -> usize {
    let mut seen = false;
    for (at, letter) in text.char_indices() {
        let next = text.get(at + letter.len_utf8()..).and_then(|rest| rest.chars().next());
        let glue = next.is_some_and(|next| next.is_ascii_digit());
        if matches!(letter, ',' | ';') && !(glue && seen) {
            return at + letter.len_utf8();
        }
        if seen && (letter.is_whitespace() || matches!(letter, '"' | '“' | '„' | '«')) {
            return at;
        }
        seen = true;
    }
    text.len()
}

fn push_chunk(chunk: &str, found: &mut Vec<Word>) {
    let body = chunk.trim_end_matches([',', ';', '.', '!', '?', ':', '…']);
    let marks = chunk.get(body.len()..).unwrap_or_default();
    let lower = body
        .to_lowercase()
        .replace('’', "'")
        .trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '#' | '&' | '+'))
        .to_owned();
    if marks == "." && keeps_its_dot(&lower) {
        found.push(Word { text: chunk.to_owned(), lower, kind: WordKind::Plain });
        return;
    }
    push_plain(body, lower, found);
    push_marks(marks, found);
}

fn keeps_its_dot(lower: &str) -> bool {
    patterns::has("abbreviations", lower)
        || (lower.contains('.') && lower.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn push_plain(body: &str, lower: String, found: &mut Vec<Word>) {
    if body.is_empty() {
        return;
    }
    match patterns::expansion(&lower) {
        Some((first, second)) => {
            found.push(Word {
                text: body.to_owned(),
                lower: first.to_owned(),
                kind: WordKind::Plain,
            });
            found.push(Word {
                text: String::new(),
                lower: second.to_owned(),
                kind: WordKind::Plain,
            });
        }
        None => found.push(Word { text: body.to_owned(), lower, kind: WordKind::Plain }),
    }
}

fn push_marks(marks: &str, found: &mut Vec<Word>) {
    if marks.contains('?') {
        found.push(marked("?", WordKind::Question));
    } else if marks.contains("!!") {
        found.push(marked("!!", WordKind::Bangs));
    } else if marks.contains(['.', '!', '…']) {
        found.push(marked(".", WordKind::Stop));
    } else if marks.contains([',', ';']) {
        found.push(marked(",", WordKind::Break));
    } else if marks.contains(':') {
        found.push(marked(":", WordKind::Colon));
    }
}
