//! How a turn ends: a closed set, the same word in answers, logs and events.

use serde::{Deserialize, Serialize};

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An answer was given whole.
    Completed,
    /// The turn ended with a question to the person.
    AwaitingInput,
    /// The person stopped it or left.
    Cancelled,
    /// The provider refused.
    Blocked,
    /// The model hit its length limit.
    TooLong,
    /// The model's reply had nothing in it.
    Empty,
    /// The model wrote a call that nobody can read.
    Malformed,
    /// The model's reply broke off.
    Truncated,
    /// Breaker open, quota spent or provider down.
    Unavailable,
    /// A deadline passed.
    TimedOut,
    /// Step limit, repeated calls, a budget used up or shutdown.
    Stopped,
    /// Anything else.
    Failed,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 12] = [
        Self::Completed,
        Self::AwaitingInput,
        Self::Cancelled,
        Self::Blocked,
        Self::TooLong,
        Self::Empty,
        Self::Malformed,
        Self::Truncated,
        Self::Unavailable,
        Self::TimedOut,
        Self::Stopped,
        Self::Failed,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::AwaitingInput => "awaiting_input",
            Self::Cancelled => "cancelled",
            Self::Blocked => "blocked",
            Self::TooLong => "too_long",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Only these two are successes.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::AwaitingInput)
    }

    /// Whether asking the same again may help.
    pub const fn allows_retry(self) -> bool {
        match self {
            Self::Empty
            | Self::Malformed
            | Self::Truncated
            | Self::Unavailable
            | Self::TimedOut
            | Self::Stopped
            | Self::Failed => true,
            Self::Completed
            | Self::AwaitingInput
            | Self::Cancelled
            | Self::Blocked
            | Self::TooLong => false,
        }
    }
}
