//! Settings of the offline model.

use std::time::Duration;

use super::conversation::Brain;
#[cfg(feature = "emulator")]
use super::emulation::EmulateSettings;

#[derive(Clone, Debug)]
pub struct Settings {
    pub brain: Brain,
    /// Whether text of a user may ever be a directive.
    pub mode: Mode,
    /// Pause between two chunks of text, so that streaming is visible.
    pub chunk_gap: Duration,
}

/// For users or for tests.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Nothing in a request can switch anything (invariant 10).
    Plain,
    #[cfg(feature = "emulator")]
    /// Emulates Gemini strictly, with its faults, and obeys directives.
    Emulate(EmulateSettings),
}

impl Settings {
    /// For users.
    pub fn plain(brain: Brain) -> Self {
        Self { brain, mode: Mode::Plain, chunk_gap: Duration::from_millis(15) }
    }

    #[cfg(feature = "emulator")]
    /// For tests: strict, scripted, without pauses.
    pub fn emulate(brain: Brain, settings: EmulateSettings) -> Self {
        Self { brain, mode: Mode::Emulate(settings), chunk_gap: Duration::ZERO }
    }

    pub(crate) const fn emulates(&self) -> bool {
        !matches!(self.mode, Mode::Plain)
    }
}
