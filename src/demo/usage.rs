//! Estimates of what a request and its answer would be billed.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

/// What one request is billed before a word of the answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bill {
    /// Tokens of messages and tools.
    pub(super) prompt: usize,
    /// Tokens thought, which only the total shows.
    pub(super) thinking: usize,
    /// Tokens of the prompt that were seen before.
    pub(super) cached: usize,
}

/// The beginnings of prompts that were seen, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Mutex<VecDeque<u64>>);

/// Bytes to a token.
const TOKEN: usize = 4;

/// The shortest prefix that is remembered, in tokens.
const CACHED: usize = 2_048;

const MAX_PREFIXES: usize = 1_024;

impl Bill {
    /// Estimates the prompt from the body's messages and tools.
    pub(super) fn of(body: &Value) -> Self {
        Self { prompt: prompt_text(body).len() / TOKEN, ..Self::default() }
    }

    /// The usage once `characters` of the answer are out.
    pub(super) fn after(&self, characters: usize) -> Value {
        let completion = characters.div_ceil(TOKEN);
        let mut usage = Map::new();
        usage.insert("completion_tokens".into(), completion.into());
        usage.insert("prompt_tokens".into(), self.prompt.into());
        if self.cached > 0 {
            let details = json!({ "cached_tokens": self.cached });
            usage.insert("prompt_tokens_details".into(), details);
        }
        let total = self.prompt + completion + self.thinking;
        usage.insert("total_tokens".into(), total.into());
        Value::Object(usage)
    }
}

impl Prefixes {
    /// How many tokens of this prompt came from the cache; remembers it.
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

fn prompt_text(body: &Value) -> String {
    let part = |name| body.get(name).map(Value::to_string).unwrap_or_default();
    part("tools") + &part("messages")
}
