//! Remembers beginnings of prompts, as a provider's prompt cache does.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::wire::usage::{TOKEN, prompt_text};

#[derive(Debug, Default)]
pub(super) struct Prefixes(Mutex<VecDeque<u64>>);

/// Tokens of the shortest prefix that is cached.
const CACHED: usize = 2_048;

const MAX_PREFIXES: usize = 1_024;

impl Prefixes {
    /// The tokens of this prompt that are in the cache. Adds it.
    pub(super) fn cached(&self, body: &Value) -> usize {
        let text = prompt_text(body);
        let Some(prefix) = text.as_bytes().get(..CACHED * TOKEN) else { return 0 };
        let mut hasher = DefaultHasher::new();
        prefix.hash(&mut hasher);
        if self.remember(hasher.finish()) { CACHED } else { 0 }
    }

    fn remember(&self, hash: u64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&hash) {
            return true;
        }
        if seen.len() == MAX_PREFIXES {
            seen.pop_front();
        }
        seen.push_back(hash);
        false
    }
}
