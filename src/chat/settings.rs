//! How conversations are held.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::agents::RunLimits;

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Turns that may run at the same time.
    pub max_turns: usize,
    /// Messages that may wait while their thread is busy.
    pub max_waiting: usize,
    /// How far a turn may go.
    pub limits: RunLimits,
    /// How long a turn may take.
    pub turn_timeout: Duration,
    /// What of a thread the model is sent, in tokens.
    pub max_context_tokens: usize,
    /// Who finds a title for a thread.
    pub titles: Titles,
    /// What "today" means if a message does not say.
    pub time_zone: TimeZone,
}

/// Who finds a title for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Titles {
    /// Its first words are its title.
    FirstWords,
    /// The model does; where it does not, the first words.
    Model,
}
