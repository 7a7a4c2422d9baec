//! What the offline model is told when it is built.

use std::time::Duration;

use super::conversation::Brain;
#[cfg(feature = "emulator")]
use super::emulation::EmulateSettings;

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
    #[cfg(feature = "emulator")]
    /// Mimics Gemini strictly, faults included, and obeys directives.
    Emulate(EmulateSettings),
}

impl Settings {
    /// A model for people.
    pub fn plain(brain: Brain) -> Self {
        Self { brain, mode: Mode::Plain, chunk_gap: Duration::from_millis(15) }
    }

    #[cfg(feature = "emulator")]
    /// A model for tests: strict, scripted and without pauses.
    pub fn emulate(brain: Brain, settings: EmulateSettings) -> Self {
        Self { brain, mode: Mode::Emulate(settings), chunk_gap: Duration::ZERO }
    }

    pub(crate) const fn emulates(&self) -> bool {
        !matches!(self.mode, Mode::Plain)
    }
}
