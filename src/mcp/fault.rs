//! Why a tool call failed, and what that means for the breaker, for a retry and for the model (ADR
//! 1, ADR 12). Says what is known about the effect, never more.

use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};

use super::transport_fault::TransportFault;
use crate::agents::ToolError;
use crate::domain::{clean, shorten};
use crate::resilience::{Fault, GuardRefusal, Repeat, Verdict};

const MAX_REFUSAL_CHARS: usize = 2_000;
const TOO_MANY_REQUESTS: u16 = 429;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    Guard(GuardRefusal),
    NotConnected,
    /// No connection, or a status below 500: nothing was done.
    Unreachable,
    /// The server asked for a pause; nothing was done.
    Busy(Option<Duration>),
    /// The connection broke; the effect is unknown.
    Lost,
    /// The same, and the server is not back yet.
    StillLost,
    /// An internal error or an unreadable answer: the tool had begun, so the effect is unknown.
    Broken(String),
    /// The server refused the request, or the tool said that it failed; in its own words.
    Refused(String),
    /// The tool asks for input before it does anything.
    Asks,
}

impl CallFault {
    /// A refusal in the tool's words, cleaned and shortened.
    pub(super) fn refused(words: &str) -> Self {
        Self::Refused(made_safe(words))
    }

    /// What this becomes after an attempt that may have had its effect: "nothing was done" is then
    /// no longer true.
    pub(super) fn after_loss(self) -> Self {
        match self {
            Self::Guard(GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. })
            | Self::NotConnected
            | Self::Unreachable
            | Self::Busy(_) => Self::Lost,
            Self::Guard(GuardRefusal::TimedOut | GuardRefusal::DeadlinePassed)
            | Self::Lost
            | Self::StillLost
            | Self::Broken(_)
            | Self::Refused(_)
            | Self::Asks => self,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Guard(GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. }) => "held_back",
            Self::Guard(GuardRefusal::TimedOut | GuardRefusal::DeadlinePassed) => "timed_out",
            Self::NotConnected => "not_connected",
            Self::Unreachable => "unreachable",
            Self::Busy(_) => "busy",
            Self::Lost | Self::StillLost => "lost",
            Self::Broken(_) => "broken",
            Self::Refused(_) => "refused",
            Self::Asks => "asks",
        }
    }
}

impl Fault for CallFault {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Guard(GuardRefusal::TimedOut) | Self::Lost => Verdict::Ill,
            Self::Busy(pause) => Verdict::Busy(*pause),
            // A tool's own refusal shows that its server works. So does an internal error: servers
            // turn any exception of one tool into it, and other tools still work (ADR 1).
            Self::Refused(_) | Self::Broken(_) | Self::Asks => Verdict::Answered,
            Self::Guard(
                GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. } | GuardRefusal::DeadlinePassed,
            )
            | Self::NotConnected
            // Connecting shows whether it can be reached, and has its own pauses (ADR 1).
            | Self::Unreachable
            | Self::StillLost => Verdict::Nothing,
        }
    }

    /// A call that used up its time is not retried, because the user waits. Nor is one with an
    /// internal error: the same arguments would mostly break the tool again, and the model can
    /// change them (ADR 1).
    fn repeat(&self) -> Repeat {
        match self {
            Self::Unreachable | Self::Lost | Self::StillLost => Repeat::AfterBackoff,
            Self::Busy(pause) => pause.map_or(Repeat::AfterBackoff, Repeat::After),
            Self::Guard(_)
            | Self::NotConnected
            | Self::Broken(_)
            | Self::Refused(_)
            | Self::Asks => Repeat::Never,
        }
    }
}

impl From<GuardRefusal> for CallFault {
    fn from(refusal: GuardRefusal) -> Self {
        Self::Guard(refusal)
    }
}

impl From<ServiceError> for CallFault {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(answer) => answered(&answer),
            ServiceError::TransportSend(error) => not_sent(TransportFault::of(&error)),
            ServiceError::Timeout { .. } => Self::Guard(GuardRefusal::TimedOut),
            ServiceError::UnexpectedResponse => Self::Broken("its answer cannot be read".into()),
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } | _ => Self::Lost,
        }
    }
}

impl From<CallFault> for ToolError {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::Guard(GuardRefusal::TimedOut | GuardRefusal::DeadlinePassed) => {
                Self::TimedOut
            }
            CallFault::Guard(GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. })
            | CallFault::NotConnected
            | CallFault::Unreachable
            | CallFault::Busy(_) => Self::Unavailable,
            CallFault::Lost | CallFault::StillLost => Self::Lost,
            CallFault::Broken(words) => Self::Broken(words),
            CallFault::Refused(words) => Self::Refused(words),
            CallFault::Asks => Self::Asks,
        }
    }
}

/// A status below 500 means that nothing was done. From 500 on a proxy may answer for a server that
/// is still working.
fn not_sent(trouble: TransportFault) -> CallFault {
    match trouble {
        TransportFault::Status { code: TOO_MANY_REQUESTS, pause } => CallFault::Busy(pause),
        TransportFault::Status { code: ..500, .. }
        | TransportFault::NotReached
        | TransportFault::WantsCredential => CallFault::Unreachable,
        TransportFault::Status { .. } | TransportFault::Garbled | TransportFault::Broken => {
            CallFault::Lost
        }
    }
}

fn answered(answer: &ErrorData) -> CallFault {
    let words = made_safe(&answer.message);
    // The only JSON-RPC error that leaves the effect unknown: the journal keeps the call as begun
    // (ADR 12).
    if answer.code == ErrorCode::INTERNAL_ERROR {
        CallFault::Broken(words)
    } else {
        CallFault::Refused(words)
    }
}

fn made_safe(words: &str) -> String {
    shorten(&clean(words), MAX_REFUSAL_CHARS)
}
