//! Text of users and tools, made safe to store, show and send.

use text::is_blank;
pub use text::{AllowedDomains, Cleaner, LinkFilter, clean, reveal, unlinked};

/// A user's message: cleaned, not blank, within the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserText(String);

/// Why a text is refused. It never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing visible: white space, or nothing left after cleaning.
    #[error("the message is empty; write something to send")]
    Blank,
    #[error(
        "the message has {chars} characters; the limit is {limit}, so shorten it and send again"
    )]
    TooLong {
        /// After cleaning.
        chars: usize,
        limit: usize,
    },
}

impl UserText {
    /// Cleans and checks `text`. The only constructor, so that the type is the proof.
    pub fn parse(text: &str, limit: usize) -> Result<Self, InvalidText> {
        let cleaned = clean(text);
        let chars = cleaned.chars().count();
        if is_blank(&cleaned) {
            return Err(InvalidText::Blank);
        }
        if chars > limit {
            return Err(InvalidText::TooLong { chars, limit });
        }
        Ok(Self(cleaned))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// At most `limit` characters of `text`, with a mark where it was cut.
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}… [cut]", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
