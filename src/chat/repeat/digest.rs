//! Names for things that are the same.

use sha2::{Digest, Sha256};

/// A digest of these parts, in this order.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digits = |byte: u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
    let hash = hash.finalize();
    let mut text = String::with_capacity(2 * hash.len());
    hash.into_iter().for_each(|byte| text.extend(digits(byte).into_iter().flatten()));
    text
}
