//! Why a request is refused, in Gemini's words.

use super::scenarios::Fills;
use crate::wire::problem::Unreadable;

/// A refusal: a written scenario and what fills its blanks.
#[derive(Clone, Debug)]
pub(super) struct GeminiRefusal {
    pub(super) scenario: &'static str,
    pub(super) fills: Fills,
}

impl From<Unreadable> for GeminiRefusal {
    fn from(Unreadable(message): Unreadable) -> Self {
        Self::saying(&message)
    }
}

impl GeminiRefusal {
    pub(super) fn of(scenario: &'static str) -> Self {
        Self { scenario, fills: Fills::samples() }
    }

    /// A refusal that is all in its message.
    pub(super) fn saying(message: &str) -> Self {
        Self::of("e400_invalid_argument").with("message", message)
    }

    pub(super) fn with(mut self, name: &'static str, text: &str) -> Self {
        self.fills = self.fills.with(name, text);
        self
    }
}
