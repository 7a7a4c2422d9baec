//! What the offline model is told when it is built.

use std::time::Duration;

use super::conversation::{Answer, Conversation};
use super::knobs::Knobs;

/// Decides what to say; a pure function of the conversation.
pub type Brain = fn(&Conversation) -> Answer;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides what to say.
    pub brain: Brain,
    /// Whether the person's text may ever be taken as a switch.
    pub mode: Mode,
    /// Pause between two chunks of text, so that a person sees typing.
    pub chunk_gap: Duration,
}

/// Whether this is a model for people or one for tests.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Answers; nothing in a request can switch anything.
    Plain,
    /// Mimics Gemini strictly, faults included, and obeys directives.
    Emulate(EmulateSettings),
}

/// What an emulation does unless a request or a script says otherwise.
#[derive(Clone, Debug)]
pub struct EmulateSettings {
    /// Who answers when no scenario was asked for.
    pub agent: Agent,
    /// Makes ids, signatures and mixtures repeatable.
    pub seed: u64,
    /// Flags and timing of every request.
    pub knobs: Knobs,
}

/// Who answers when no scenario was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agent {
    /// The repeatable agent that obeys `call:` and `steps:`.
    #[default]
    Deterministic,
    /// The brain, save in turns that carry `call:` or `steps:`.
    Brain,
}

impl Settings {
    /// A model for people.
    pub fn plain(brain: Brain) -> Self {
        Self { brain, mode: Mode::Plain, chunk_gap: Duration::from_millis(15) }
    }

    /// A model for tests: strict, scripted and without pauses.
    pub fn emulate(brain: Brain, settings: EmulateSettings) -> Self {
        Self { brain, mode: Mode::Emulate(settings), chunk_gap: Duration::ZERO }
    }
}

impl Default for EmulateSettings {
    fn default() -> Self {
        Self { agent: Agent::Deterministic, seed: 1, knobs: Knobs::default() }
    }
}
