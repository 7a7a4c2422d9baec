//! How an answer begins: a call that was written down as code instead of being made is no answer.
//!
//! Gemini does so at times, and says `MALFORMED_FUNCTION_CALL` behind it, or nothing. Words go out as
//! they come and cannot be taken back, so what opens like such a call waits until it is clear.

/// What no answer opens with. `default_api` is what Gemini calls the tools among itself.
const CALLS: [&str; 6] = [
    "print(default_api.",
    "default_api.",
    "```tool_code",
    "```python\nprint(default_api.",
    "```\nprint(default_api.",
    "<tool_code>",
];

/// So much waits at most; what is longer is shown.
const MOST: usize = 64 * 1024;

/// Holds the first words of an answer back until it is clear that they are no such call.
#[derive(Debug)]
pub(super) enum CodeCallFilter {
    /// They may be a call, or become one.
    Held(String),
    /// They were none.
    Shown,
}

/// What was still held at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The end of the answer, if anything.
    Text(String),
    /// A call, written as code.
    Call,
}

impl Default for CodeCallFilter {
    fn default() -> Self {
        Self::Held(String::new())
    }
}

impl CodeCallFilter {
    /// Whether pieces must pass by here.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// What may be shown once this piece has come.
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

    /// What is left when nothing more comes.
    pub(super) fn end(&mut self) -> Rest {
        let Self::Held(held) = std::mem::replace(self, Self::Shown) else {
            return Rest::Text(String::new());
        };
        let is_call = CALLS.iter().any(|call| held.trim_start().starts_with(call));
        if is_call { Rest::Call } else { Rest::Text(held) }
    }
}
