//! Settings of the emulator.

use std::str::FromStr;

use thiserror::Error;

use super::knobs::Knobs;

/// Defaults, which a request or a script may override.
#[derive(Clone, Debug)]
pub struct EmulateSettings {
    pub agent: Agent,
    pub seed: u64,
    pub knobs: Knobs,
}

/// What answers if no scenario is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agent {
    /// The repeatable agent that obeys `call:` and `steps:`.
    #[default]
    Deterministic,
    /// The brain, except in turns with `call:` or `steps:`.
    Brain,
}

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
