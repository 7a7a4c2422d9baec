//! The operator's settings for conversations.

use std::time::Duration;

use jiff::tz::TimeZone;

use base::agents::RunLimits;
use base::domain::{AllowedDomains, ApprovalRule, CallerLimits};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Turns that may run at the same time.
    pub max_turns: usize,
    /// Messages that may wait while their thread is busy; 0 refuses them immediately.
    pub max_waiting: usize,
    /// Of each caller whose credential does not set its own.
    pub caller_limits: CallerLimits,
    /// How far a turn may go.
    pub limits: RunLimits,
    /// Which calls wait until a person approves them, unless their server has its own rule.
    pub approvals: ApprovalRule,
    /// How long a turn may take.
    pub turn_timeout: Duration,
    /// How much of a thread is sent to the model, in tokens.
    pub max_context_tokens: usize,
    /// Where links and images of answers may lead (ADR 43).
    pub allowed_domains: AllowedDomains,
    pub titles: Titles,
    /// Defines "today" if a request has no zone.
    pub time_zone: TimeZone,
}

/// Who titles a new thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Titles {
    FirstWords,
    /// The model; its first words if the model gives none.
    Model,
}
