//! Estimates of what a request and its answer would be billed.

use serde_json::{Map, Value, json};

/// The tokens of one request before a word of the answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EstimatedUsage {
    /// Tokens of messages and tools.
    pub(crate) prompt: usize,
    /// Tokens thought, which only the total shows.
    pub(crate) thinking: usize,
    /// Tokens of the prompt that were seen before.
    pub(crate) cached: usize,
}

/// Bytes to a token.
pub(crate) const TOKEN: usize = 4;

impl EstimatedUsage {
    /// Estimates the prompt from the body's messages and tools.
    pub(crate) fn of(body: &Value) -> Self {
        Self { prompt: prompt_text(body).len() / TOKEN, ..Self::default() }
    }

    /// The usage once `characters` of the answer are out.
    pub(crate) fn after(&self, characters: usize) -> Value {
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

/// The part of a body that is billed as its prompt.
pub(crate) fn prompt_text(body: &Value) -> String {
    let part = |name| body.get(name).map(Value::to_string).unwrap_or_default();
    part("tools") + &part("messages")
}
