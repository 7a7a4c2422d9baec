//! Tool names that every provider accepts, and the way back to ours. The only place that changes
//! characters of a name (ADR 1).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use base::domain::Tool;

// The limit of OpenAI and Google.
const MAX_CHARS: usize = 64;
const SUFFIX_CHARS: usize = 9;

/// The names of one request's tools, ours and as sent. A valid name stays; another gets a safe form
/// that is always the same, so that old calls in the transcript match.
#[derive(Clone, Debug, Default)]
pub struct Names {
    sent_by_ours: HashMap<String, String>,
    ours_by_sent: HashMap<String, String>,
}

impl Names {
    pub fn of(tools: &[Tool]) -> Self {
        let taken: HashSet<&str> =
            tools.iter().map(|tool| &*tool.name).filter(|name| is_fine(name)).collect();
        let mut names = Self::default();
        for tool in tools.iter().filter(|tool| !is_fine(&tool.name)) {
            names.add(&tool.name, &taken);
        }
        names
    }

    /// The name to send; also for tools of earlier turns that no longer exist.
    pub fn sent<'a>(&'a self, ours: &'a str) -> Cow<'a, str> {
        match self.sent_by_ours.get(ours) {
            Some(sent) => Cow::Borrowed(sent),
            None if is_fine(ours) => Cow::Borrowed(ours),
            None => Cow::Owned(safe(ours, 0)),
        }
    }

    pub fn ours<'a>(&'a self, sent: &'a str) -> &'a str {
        self.ours_by_sent.get(sent).map_or(sent, String::as_str)
    }

    fn add(&mut self, ours: &str, taken: &HashSet<&str>) {
        if self.sent_by_ours.contains_key(ours) {
            return;
        }
        let is_free =
            |name: &String| !taken.contains(&**name) && !self.ours_by_sent.contains_key(name);
        let Some(sent) = (0..u32::MAX).map(|salt| safe(ours, salt)).find(is_free) else { return };
        self.ours_by_sent.insert(sent.clone(), ours.to_owned());
        self.sent_by_ours.insert(ours.to_owned(), sent);
    }
}

fn is_fine(name: &str) -> bool {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well && name.len() <= MAX_CHARS && name.chars().all(is_allowed)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A safe form. The hash distinguishes names that are equal after cleaning.
fn safe(name: &str, salt: u32) -> String {
    let digits_first = name.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let clean = name.chars().map(|c| if is_allowed(c) { c } else { '_' });
    let head = digits_first.then_some('_').into_iter().chain(clean);
    let head: String = head.take(MAX_CHARS - SUFFIX_CHARS).collect();
    format!("{head}_{:08x}", hash(name, salt))
}

/// FNV-1a: unlike std's hasher it is the same in every process and release.
fn hash(name: &str, salt: u32) -> u32 {
    name.bytes()
        .fold(0x811c_9dc5 ^ salt, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
