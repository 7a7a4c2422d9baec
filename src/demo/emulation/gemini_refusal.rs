//! A refusal of a request, in Gemini's words.

use super::scenarios::Fills;
use crate::wire::problem::Unreadable;

/// A written scenario and the texts for its blanks.
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

    /// A refusal with only a message.
    pub(super) fn saying(message: &str) -> Self {
        Self::of("e400_invalid_argument").with("message", message)
    }

    pub(super) fn with(mut self, name: &'static str, text: &str) -> Self {
        self.fills = self.fills.with(name, text);
        self
    }
}
