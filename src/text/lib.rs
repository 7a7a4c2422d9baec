//! Removes what a reader cannot see and a machine might obey: from every text of users, tools and
//! models, and from todos.

mod links;

pub use links::{AllowedDomains, LinkFilter, unlinked};

/// Removes invisible characters; changes nothing else.
pub fn clean(text: &str) -> String {
    Cleaner::default().clean(text)
}

/// The same text with everything shown that cannot be seen: `\u{200b}` for a space without width.
/// For people who must know what a text has in it. Spaces and ends of lines stay.
pub fn reveal(text: &str) -> String {
    let is_clear = |c: char| matches!(c, ' ' | '\n') || !(is_hidden(c) || c.is_whitespace());
    let shown = |c: char| {
        let escaped = (!is_clear(c)).then(|| c.escape_unicode());
        let plain = is_clear(c).then_some(c);
        escaped.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(shown).collect()
}

/// Whether nothing in a text is visible.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == BLANK_BRAILLE || is_hidden(c))
}

/// Cleans a text that comes in pieces, wherever it is cut.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleaner {
    /// The last character that was kept.
    last: Option<char>,
}

const BLANK_BRAILLE: char = '\u{2800}';
const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';

impl Cleaner {
    /// The visible part of the next piece.
    pub fn clean(&mut self, piece: &str) -> String {
        // Most text is ASCII and needs no look at each character.
        if piece.bytes().all(is_plain) {
            self.last = piece.chars().next_back().or(self.last);
            return piece.to_owned();
        }
        piece.chars().filter(|&c| self.lets_through(c)).collect()
    }

    fn lets_through(&mut self, c: char) -> bool {
        let passes =
            if is_hidden(c) { self.last.is_some_and(|last| shapes(c, last)) } else { true };
        if passes {
            self.last = Some(c);
        }
        passes
    }
}

/// A visible character of one byte.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Whether a hidden character changes how the one before it looks, or how that joins the next. One
/// may; a row of them could carry a hidden text.
fn shapes(c: char, last: char) -> bool {
    match c {
        '\u{FE0E}' | '\u{FE0F}' => is_pictograph(last) || matches!(last, '#' | '*' | '0'..='9'),
        JOINER => is_pictograph(last) || last == '\u{FE0F}' || joins(last),
        NON_JOINER => joins(last),
        '\u{180B}'..='\u{180F}' => matches!(last, '\u{1820}'..='\u{18AA}'),
        _ => false,
    }
}

/// What shows nothing by itself: controls, directions, joiners, selectors, fillers, tags.
fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{AD}' // soft hyphen
        | '\u{34F}' // grapheme joiner
        | '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' // directions
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' // Hangul fillers
        | '\u{17B4}' | '\u{17B5}' // Khmer vowels without a shape
        | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' // selectors
        | '\u{200B}'..='\u{200D}' | '\u{FEFF}' // spaces without a width, joiners
        | '\u{2060}'..='\u{206F}' // invisible operators, isolates
        | '\u{FFF0}'..='\u{FFFB}' // annotations
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' // shorthand, music
        | '\u{E0000}'..='\u{E0FFF}' // tags, further selectors
        => true,
        _ => c.is_control(),
    }
}

/// Roughly: what may be shown as an emoji, or is a part of one.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '©' | '®' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}' | '\u{2460}'..='\u{24FF}' | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}'
        | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Letters that join: of Arabic and related scripts, the Indic scripts and their neighbours.
fn joins(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{F00}'..='\u{109F}'
        | '\u{1780}'..='\u{18AF}' | '\u{1900}'..='\u{1CFF}' | '\u{A840}'..='\u{A8FF}'
        | '\u{A980}'..='\u{AAFF}' | '\u{ABC0}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFE}' | '\u{10A00}'..='\u{10AFF}' | '\u{11000}'..='\u{11FFF}'
        | '\u{1E900}'..='\u{1E95F}')
}
