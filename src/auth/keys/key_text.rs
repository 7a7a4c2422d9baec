//! What an API key looks like: `ork_<id>_<secret>`, in hexadecimal. The id finds its entry in the
//! file of keys, which has only a hash of the secret.

use std::fmt::Write;

use base::domain::Secret;
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

const PREFIX: &str = "ork_";

/// In bytes. Nobody guesses so much, so a plain hash protects it; a slow one is for passwords.
const SECRET: usize = 32;

const ID: usize = 6;

/// The SHA-256 of a secret.
pub(crate) type Hash = [u8; 32];

/// A new key. Its text is shown once and stored nowhere.
#[derive(Debug)]
pub struct MintedKey {
    pub id: String,
    pub text: Secret,
    /// As the file of keys has it.
    pub hash: String,
}

/// Makes a key from the machine's random numbers.
pub fn mint() -> Result<MintedKey, Unspecified> {
    let (mut id, mut secret) = ([0; ID], [0; SECRET]);
    let random = SystemRandom::new();
    random.fill(&mut id)?;
    random.fill(&mut secret)?;
    let (id, secret) = (hex(&id), hex(&secret));
    let hash = format!("sha256:{}", hex(&hash_of(&secret)));
    Ok(MintedKey { text: Secret::new(format!("{PREFIX}{id}_{secret}")), id, hash })
}

/// The id and the secret of a key; `None` for a credential of another kind.
pub(crate) fn parts(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix(PREFIX)?;
    // A malformed key is still a key, so that it is refused as one.
    Some(rest.split_once('_').unwrap_or((rest, "")))
}

pub(crate) fn hash_of(secret: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// Reads a hash as [`mint`] writes it.
pub(crate) fn read_hash(text: &str) -> Option<Hash> {
    let digits = text.strip_prefix("sha256:")?;
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
    }
    Some(hash)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        let _done = write!(text, "{byte:02x}");
        text
    })
}
