//! What goes wrong on the way to a server, and what it means for breaker, retry and model.

use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};

use super::transport_fault::TransportFault;
use crate::agents::ToolError;
use crate::domain::{clean, shorten};
use crate::resilience::{Fault, GuardRefusal, Repeat, Verdict};

const MAX_REFUSAL_CHARS: usize = 2_000;
const TOO_MANY_REQUESTS: u16 = 429;

/// Why a request to a server failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    /// The guard ended it.
    Guard(GuardRefusal),
    /// No session is open; nothing was sent.
    NotConnected,
    /// The server let nobody in; nothing was done.
    Unreachable,
    /// The server asks for a pause; nothing was done.
    Busy(Option<Duration>),
    /// The connection broke; what was done is unknown.
    Lost,
    /// As before, and the server has not come back yet.
    StillLost,
    /// The server answered, but with an internal error or nothing readable: it got as far as trying, so what was
    /// done is unknown.
    Broken(String),
    /// The server answered that the request is wrong, or the tool that it failed; its own words.
    Refused(String),
    /// The tool wants to know more before it does anything.
    Asks,
}

impl CallFault {
    /// A refusal in a tool's own words, made safe to show.
    pub(super) fn refused(words: &str) -> Self {
        Self::Refused(made_safe(words))
    }

    /// The same after an attempt that may have had its effect.
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

    /// One word for the log.
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
            // A tool's own "no" shows that its server works. So does an internal error: servers turn
            // any exception of one tool into it, and it says nothing of the others (ADR 1).
            Self::Refused(_) | Self::Broken(_) | Self::Asks => Verdict::Answered,
            Self::Guard(
                GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. } | GuardRefusal::DeadlinePassed,
            )
            | Self::NotConnected
            // Whether it can be reached shows in connecting, which needs no breaker.
            | Self::Unreachable
            | Self::StillLost => Verdict::Nothing,
        }
    }

    /// A call that used up its time is not repeated: the person waits. Nor is one that broke its
    /// server: the same arguments would mostly break it again, and the model can change them.
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

/// A status below 500 means that nothing was done.
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
    if answer.code == ErrorCode::INTERNAL_ERROR {
        CallFault::Broken(words)
    } else {
        CallFault::Refused(words)
    }
}

fn made_safe(words: &str) -> String {
    shorten(&clean(words), MAX_REFUSAL_CHARS)
}
