//! Digests, by which equal things are recognised without storing their text.

use sha2::{Digest, Sha256};

/// SHA-256 of these parts, in hexadecimal.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length: "ab", "c" is something else than "a", "bc".
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digits = |byte: u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
    let hash = hash.finalize();
    let mut text = String::with_capacity(2 * hash.len());
    hash.into_iter().for_each(|byte| text.extend(digits(byte).into_iter().flatten()));
    text
}
