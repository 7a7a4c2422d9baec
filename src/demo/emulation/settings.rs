//! What an emulation is told when it is built.

use std::str::FromStr;

use thiserror::Error;

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

/// An agent that does not exist.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the agent is repeatable or brain")]
pub struct UnknownAgent;

impl FromStr for Agent {
    type Err = UnknownAgent;

    fn from_str(name: &str) -> Result<Self, UnknownAgent> {
        match name {
            "repeatable" => Ok(Self::Deterministic),
            "brain" => Ok(Self::Brain),
            _ => Err(UnknownAgent),
        }
    }
}

impl Default for EmulateSettings {
    fn default() -> Self {
        Self { agent: Agent::Deterministic, seed: 1, knobs: Knobs::default() }
    }
}
