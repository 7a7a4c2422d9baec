//! Breaks links and images in Markdown that lead to places which nobody allowed (ADR 43). An image is
//! fetched as soon as it is shown, so its address carries whatever a hijacked model knows.
//!
//! What makes a link is broken with a space, wherever it stands: in a code span as well, because what
//! is code to one reader of Markdown is none to another.

use std::sync::Arc;

/// In bytes: a longer address is broken, whoever it leads to.
const MAX_ADDRESS: usize = 2_048;
/// In bytes: a longer name after `<` is broken.
const MAX_NAME: usize = 32;
/// In bytes: as much as one looks back, for the scheme of an address.
const MAX_TAIL: usize = 8;

/// The places to which links and images may lead: these hosts, and all below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedDomains(Arc<[String]>);

impl AllowedDomains {
    /// In lower case.
    pub fn new(domains: Vec<String>) -> Self {
        Self(domains.into())
    }

    fn allow(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|domain| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// Breaks the links of a text that comes in pieces, wherever it is cut.
#[derive(Debug, Default)]
pub struct LinkFilter {
    allowed: AllowedDomains,
    /// What may be the beginning of a link.
    held: String,
    /// The end of what was let through.
    tail: String,
}

/// What stands at the beginning of a text.
enum Sign {
    /// So many bytes, which are let through.
    Passes(usize),
    /// The same, with a space in front of the last bytes, so many of them.
    Broken(usize, usize),
    /// More must come to tell.
    Open,
}

/// The host at the beginning of an address.
enum Host<'a> {
    Named(&'a str),
    /// In a form that readers take in different ways.
    Unclear,
    /// More must come to tell.
    Open,
}

impl LinkFilter {
    pub fn new(allowed: AllowedDomains) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// What can be shown of a text so far.
    pub fn filter(&mut self, piece: &str) -> String {
        if self.held.is_empty() && !piece.bytes().any(is_sign) {
            self.note(piece);
            return piece.to_owned();
        }
        self.held.push_str(piece);
        self.advance(false)
    }

    /// The rest: nothing more comes.
    pub fn rest(&mut self) -> String {
        self.advance(true)
    }

    fn advance(&mut self, is_last: bool) -> String {
        let held = std::mem::take(&mut self.held);
        let (mut shown, mut left) = (String::with_capacity(held.len() + 8), held.as_str());
        while !left.is_empty() {
            let plain = left.bytes().position(is_sign).unwrap_or(left.len());
            let (before, from) = left.split_at(plain);
            shown.push_str(before);
            self.note(before);
            left = from;
            let passed = match self.sign(from, is_last) {
                Sign::Open => break,
                Sign::Passes(length) | Sign::Broken(length, 0) => {
                    let (passed, rest) = from.split_at(length);
                    shown.push_str(passed);
                    left = rest;
                    passed
                }
                Sign::Broken(length, behind) => {
                    let (passed, rest) = from.split_at(length);
                    let (first, second) = passed.split_at(length - behind);
                    shown.extend([first, " ", second]);
                    left = rest;
                    passed
                }
            };
            self.note(passed);
        }
        left.clone_into(&mut self.held);
        shown
    }

    /// Reads what begins with a byte that may make a link.
    fn sign(&self, text: &str, is_last: bool) -> Sign {
        match text.as_bytes().first() {
            Some(b']') => self.bracket(text, is_last),
            Some(b'<') => angle(text, is_last),
            Some(b':') => self.colon(text, is_last),
            Some(b'.') if self.is_after_www() => self.dot(text, is_last),
            Some(b'&') => entity(text, is_last),
            Some(b'\\') => self.escape(text, is_last),
            Some(_) => Sign::Passes(1),
            None => Sign::Open,
        }
    }

    /// `](address)` makes a link or an image, `]: address` defines one.
    fn bracket(&self, text: &str, is_last: bool) -> Sign {
        match text.as_bytes().get(1) {
            None if is_last => Sign::Passes(1),
            None => Sign::Open,
            Some(b':') => Sign::Broken(2, 1),
            Some(b'(') => self.destination(text, is_last),
            Some(_) => Sign::Passes(1),
        }
    }

    fn destination(&self, text: &str, is_last: bool) -> Sign {
        let address = text.get(2..).unwrap_or_default();
        let end = address.bytes().position(|byte| !is_of_address(byte) || byte == b')');
        match end {
            Some(end) if address.as_bytes().get(end) == Some(&b')') => {
                let (address, rest) = address.split_at(end);
                self.in_brackets(address, rest.get(1..).unwrap_or_default(), is_last)
            }
            None if !is_last && address.len() <= MAX_ADDRESS => Sign::Open,
            Some(_) | None => Sign::Broken(2, 1),
        }
    }

    /// If nothing opened the bracket, the address goes on behind it. So a host must end before that.
    fn in_brackets(&self, address: &str, behind: &str, is_last: bool) -> Sign {
        let passes = Sign::Passes(2 + address.len() + 1);
        match self.end_of_allowed(address) {
            None => Sign::Broken(2, 1),
            Some("") if behind.is_empty() && !is_last => Sign::Open,
            Some("") if behind.starts_with(|c: char| !c.is_whitespace()) => Sign::Broken(2, 1),
            Some(_) => passes,
        }
    }

    /// `scheme://host` alone is a link for many readers.
    fn colon(&self, text: &str, is_last: bool) -> Sign {
        let Some(host) = text.strip_prefix("://") else {
            let may_grow = "://".starts_with(text) && !is_last;
            return if may_grow { Sign::Open } else { Sign::Passes(1) };
        };
        let is_web = ["https", "http"].iter().any(|scheme| ends_with_word(&self.tail, scheme));
        match host_in(host, is_last) {
            Host::Open => Sign::Open,
            Host::Named(host) if is_web && self.allowed.allow(host) => Sign::Passes(3 + host.len()),
            Host::Named(_) | Host::Unclear => Sign::Broken(3, 2),
        }
    }

    /// `www.host` too.
    fn dot(&self, text: &str, is_last: bool) -> Sign {
        let below = text.get(1..).unwrap_or_default();
        match host_in(below, is_last) {
            Host::Open => Sign::Open,
            Host::Named(host) if self.allowed.allow(host) => Sign::Passes(1 + host.len()),
            Host::Named(_) | Host::Unclear => Sign::Broken(1, 1),
        }
    }

    /// `https\://` is read as `https://` by whoever looks for addresses after escapes.
    fn escape(&self, text: &str, is_last: bool) -> Sign {
        let schemes = ["https", "http", "ftp"];
        let is_behind = |end: &str| {
            let before = self.tail.strip_suffix(end);
            before.is_some_and(|it| schemes.iter().any(|scheme| ends_with(it, scheme)))
        };
        match text.as_bytes().get(1) {
            None if !is_last => Sign::Open,
            Some(b':') if is_behind("") => Sign::Broken(2, 1),
            Some(b'/') if is_behind(":") || is_behind(":/") => Sign::Broken(2, 1),
            Some(b'.') if self.is_after_www() => Sign::Broken(2, 1),
            Some(_) | None => Sign::Passes(1),
        }
    }

    fn is_after_www(&self) -> bool {
        ends_with_word(&self.tail, "www")
    }

    /// What follows the host of an address that is whole and allowed.
    fn end_of_allowed<'a>(&self, address: &'a str) -> Option<&'a str> {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
        match host_in(rest, true) {
            Host::Named(host) if self.allowed.allow(host) => rest.get(host.len()..),
            Host::Named(_) | Host::Unclear | Host::Open => None,
        }
    }

    fn note(&mut self, shown: &str) {
        let end = shown.ceil_char_boundary(shown.len().saturating_sub(MAX_TAIL));
        self.tail.push_str(shown.get(end..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(MAX_TAIL);
        let surplus = self.tail.ceil_char_boundary(surplus);
        self.tail.drain(..surplus);
    }
}

/// The same for a text that is whole, in which no link is wanted.
pub fn unlinked(text: &str) -> String {
    let mut filter = LinkFilter::default();
    let mut shown = filter.filter(text);
    shown.push_str(&filter.rest());
    shown
}

/// `&#58;`, `&colon;` and their like are read as what they stand for.
fn entity(text: &str, is_last: bool) -> Sign {
    let names = ["#", "colon;", "sol;", "period;"];
    let name = text.get(1..).unwrap_or_default();
    if names.iter().any(|known| name.starts_with(known)) {
        return Sign::Broken(2, 1);
    }
    let may_grow = !is_last && names.iter().any(|known| known.starts_with(name));
    if may_grow { Sign::Open } else { Sign::Passes(1) }
}

const fn is_sign(byte: u8) -> bool {
    matches!(byte, b']' | b'<' | b':' | b'.' | b'&' | b'\\')
}

/// `<img src…>`, `<!--` and `<https:…>`, but not `Vec<String>`.
fn angle(text: &str, is_last: bool) -> Sign {
    let name = text.get(1..).unwrap_or_default();
    // A comment or a declaration, whose text nobody sees.
    if name.starts_with(['!', '?']) {
        return Sign::Broken(2, 1);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return if name.is_empty() && !is_last { Sign::Open } else { Sign::Passes(1) };
    }
    let of_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    match name.bytes().position(|byte| !of_name(byte)) {
        // Their text acts as well.
        Some(end) if ["style", "script"].iter().any(|it| is_name(name, end, it)) => {
            Sign::Broken(1 + first_len(name), first_len(name))
        }
        Some(end) if matches!(name.as_bytes().get(end), Some(b'>' | b',' | b';' | b')')) => {
            Sign::Passes(1)
        }
        None if !is_last && name.len() <= MAX_NAME => Sign::Open,
        None if is_last => Sign::Passes(1),
        // In front of the name: the sign itself passes, and a space after it.
        Some(_) | None => Sign::Broken(1 + first_len(name), first_len(name)),
    }
}

fn is_name(text: &str, end: usize, name: &str) -> bool {
    text.get(..end).is_some_and(|it| it.eq_ignore_ascii_case(name))
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn host_in(address: &str, is_last: bool) -> Host<'_> {
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    match address.bytes().position(|byte| !of_host(byte)) {
        None if is_last => Host::Named(address),
        None if address.len() <= MAX_ADDRESS => Host::Open,
        None => Host::Unclear,
        Some(end) => {
            let (host, rest) = address.split_at(end);
            // Not `:` and `@`, behind which the real host may stand.
            let ends = |c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace();
            if rest.starts_with(ends) { Host::Named(host) } else { Host::Unclear }
        }
    }
}

const fn is_of_address(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'(' | b'<' | b'>' | b'\\' | b'"' | b'`' | b'[' | b']')
}

/// Whether a text ends with a word, whatever its case.
fn ends_with_word(text: &str, word: &str) -> bool {
    let before = text.get(..text.len().saturating_sub(word.len()));
    let is_alone = before.is_some_and(|it| !it.ends_with(|c: char| c.is_ascii_alphanumeric()));
    is_alone && ends_with(text, word)
}

/// The same within a word.
fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    let last = start.and_then(|start| text.get(start..));
    last.is_some_and(|last| last.eq_ignore_ascii_case(end))
}
