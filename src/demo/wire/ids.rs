//! Ids, signatures and random numbers, repeatable for one seed.

use std::sync::atomic::{AtomicU64, Ordering};

use super::profile::Generation;

/// The same seed gives the same ids in the same order.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    state: AtomicU64,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: &[u8; 10] = b"0123456789";

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, state: AtomicU64::new(seed) }
    }

    pub(crate) fn roll(&self, sides: u64) -> u64 {
        self.next().checked_rem(sides).unwrap_or(0)
    }

    pub(crate) fn envelope(&self) -> String {
        self.text(BASE64_URL, 23)
    }

    /// The id of a call in the format of a model generation.
    pub(crate) fn call(&self, generation: Generation) -> String {
        match generation {
            Generation::Two => format!("function-call-{}", self.text(DIGITS, 20)),
            Generation::Three => format!("call_{}", self.text(DIGITS, 6)),
        }
    }

    /// The signature of a call, computed from its id, so that a check needs no memory.
    pub(crate) fn signature(&self, call_id: &str) -> String {
        let seed = call_id.bytes().fold(mix(self.seed), |hash, byte| mix(hash ^ u64::from(byte)));
        Self::new(seed).text(BASE64, 64)
    }

    fn text(&self, alphabet: &[u8], length: usize) -> String {
        let sides = u64::try_from(alphabet.len()).unwrap_or(1);
        (0..length)
            .filter_map(|_| alphabet.get(usize::try_from(self.roll(sides)).ok()?))
            .map(|byte| char::from(*byte))
            .collect()
    }

    fn next(&self) -> u64 {
        mix(self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }
}

/// The finaliser of splitmix64: small, and the same on every platform.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
