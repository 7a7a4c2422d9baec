//! What an emulation is told when it is built.

use super::knobs::Knobs;

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

impl Default for EmulateSettings {
    fn default() -> Self {
        Self { agent: Agent::Deterministic, seed: 1, knobs: Knobs::default() }
    }
}
