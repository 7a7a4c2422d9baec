//! Estimates the usage of a request and its answer.

use serde_json::{Map, Value, json};

/// The tokens of a request, without its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EstimatedUsage {
    /// Tokens of messages and tools.
    pub(crate) prompt: usize,
    /// Tokens of thinking, which Gemini counts only in the total (ADR 16).
    pub(crate) thinking: usize,
    /// Cached tokens of the prompt.
    pub(crate) cached: usize,
}

/// Bytes per token, roughly.
pub(crate) const TOKEN: usize = 4;

impl EstimatedUsage {
    pub(crate) fn of(body: &Value) -> Self {
        Self { prompt: prompt_text(body).len() / TOKEN, ..Self::default() }
    }

    /// The usage after this many characters of the answer. Gemini sends it with every chunk.
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

pub(crate) fn prompt_text(body: &Value) -> String {
    let part = |name| body.get(name).map(Value::to_string).unwrap_or_default();
    part("tools") + &part("messages")
}
