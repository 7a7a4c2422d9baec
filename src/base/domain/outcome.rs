//! How a turn ends: a closed set, with the same word in answers, logs and events (ADR 7).

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete answer.
    Completed,
    /// The turn ended with a question to the user.
    AwaitingInput,
    /// The user stopped it or left.
    Cancelled,
    /// The provider refused to answer.
    Blocked,
    /// The answer is longer than the model, or this server, allows.
    TooLong,
    /// The reply had neither text nor calls.
    Empty,
    /// The reply had a call that cannot be read.
    Malformed,
    /// The reply broke off.
    Truncated,
    /// The breaker is open, a quota is used up, or the provider is down.
    Unavailable,
    /// A deadline passed.
    TimedOut,
    /// The step limit, repeated calls, a used-up budget, a lost lease or a shutdown.
    Stopped,
    /// Anything else: a fault of ours or of the store.
    Failed,
}

impl Outcome {
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

    pub const fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::AwaitingInput)
    }

    /// Whether the same request may succeed later: the front end then offers a retry.
    pub const fn allows_retry(self) -> bool {
        match self {
            Self::Empty
            | Self::Malformed
            | Self::Truncated
            | Self::Unavailable
            | Self::TimedOut
            | Self::Stopped
            | Self::Failed => true,
            // The same request would end in the same way, or the user chose this end.
            Self::Completed
            | Self::AwaitingInput
            | Self::Cancelled
            | Self::Blocked
            | Self::TooLong => false,
        }
    }
}
