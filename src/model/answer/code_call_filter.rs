//! Detects an answer that is a tool call written as code instead of a call.
//!
//! Gemini sometimes does this, with `MALFORMED_FUNCTION_CALL` as the finish reason or without one.
//! Text that was shown cannot be taken back, so text that begins like such a call is held back.

/// Beginnings that no answer has. `default_api` is Gemini's internal name for the tools.
const CALLS: [&str; 6] = [
    "print(default_api.",
    "default_api.",
    "```tool_code",
    "```python\nprint(default_api.",
    "```\nprint(default_api.",
    "<tool_code>",
];

/// Bytes held back at most. A longer text is shown: a call as code is never that long.
const MOST: usize = 64 * 1024;

/// Holds back the first words of an answer until it is clear that they are no call.
#[derive(Debug)]
pub(super) enum CodeCallFilter {
    /// The text may be a call, or may become one.
    Held(String),
    /// The text is an answer.
    Shown,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Text of the answer, often empty.
    Text(String),
    Call,
}

impl Default for CodeCallFilter {
    fn default() -> Self {
        Self::Held(String::new())
    }
}

impl CodeCallFilter {
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// Adds a piece and returns what may be shown now.
    pub(super) fn sift(&mut self, piece: String) -> Option<String> {
        let Self::Held(held) = self else { return Some(piece) };
        held.push_str(&piece);
        let begun = held.trim_start();
        let may_be_call = |call: &str| call.starts_with(begun) || begun.starts_with(call);
        if held.len() <= MOST && CALLS.into_iter().any(may_be_call) {
            return None;
        }
        let shown = std::mem::take(held);
        *self = Self::Shown;
        Some(shown)
    }

    pub(super) fn end(&mut self) -> Rest {
        let Self::Held(held) = std::mem::replace(self, Self::Shown) else {
            return Rest::Text(String::new());
        };
        let is_call = CALLS.iter().any(|call| held.trim_start().starts_with(call));
        if is_call { Rest::Call } else { Rest::Text(held) }
    }
}
