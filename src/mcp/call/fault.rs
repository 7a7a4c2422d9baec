//! What went wrong in a call, and what that means for the breaker, for a retry and for the model
//! (ADR 1, ADR 12). Says what is known about the effect, never more.

use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};

use super::super::error::{ConnectError, TOO_MANY_REQUESTS, TransportFault, UNREADABLE};
use base::agents::ToolError;
use base::domain::{Inquiry, SignInOffer, clean, shorten};
use base::resilience::{Fault, GuardRefusal, Repeat, Verdict};

const MAX_REFUSAL_CHARS: usize = 2_000;

// For the model, which tells the person.
const NOT_SIGNED_IN: &str = "this tool acts for the user with the user's own sign-in, and the user \
    is not signed in with a token that can be passed on; nothing was done; tell the user";
const EXPIRED: &str = "this tool acts for the user with the user's own sign-in, which has expired; \
    nothing was done; tell the user to sign in again";
const ANONYMOUS: &str = "this tool acts with an account of each user, and who the user is is not \
    known here; nothing was done; tell the user that they need a key or token of their own";
const NO_PLACE: &str = "the tool's server works on as many calls as it takes at once, and none of \
    them ended in time; nothing was done; try again later";
const NOT_ACCEPTED: &str = "the tool's server does not accept the user's sign-in for this; nothing \
    was done; tell the user";

const NOT_GRANTED: &str = "the tool's server does not allow this with the sign-in of this server's \
    operator; nothing was done; tell the user that the operator can allow more";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    Guard(GuardRefusal),
    NotConnected,
    /// No connection, or a status below 500: nothing was done.
    Unreachable,
    /// Its address may not be reached; nothing was sent (ADR 31).
    NotAllowed,
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
    /// Its server asks the person before it goes on.
    Asks(Box<Inquiry>),
    /// The call that the person answered to does not wait here (ADR 44).
    AnswerLost,
    /// The server does not accept the credential; nothing was done.
    NotAccepted,
    /// The operator's credential does not allow this call; nothing was done (ADR 42).
    NotGranted,
    /// The same, of a credential that was the caller's own.
    CallerNotAccepted,
    /// The caller has no token to pass on; nothing was sent (ADR 32).
    NotSignedIn,
    /// The caller's token has expired; nothing was sent.
    Expired,
    /// The caller has to sign in at the server; nothing was done (ADR 46).
    SignIn(Box<SignInOffer>),
    /// Callers sign in there, and who this one is is not known; nothing was sent.
    Anonymous,
    /// Waited for a place among the server's calls for as long as it may; nothing was sent.
    NoPlace,
    /// The turn was stopped before it was sent.
    Stopped,
    /// Too many other callers have a session with the server; nothing was sent.
    Crowded,
}

impl CallFault {
    /// What it is in the session of a caller.
    pub(crate) fn of_caller(self) -> Self {
        if self.is_refusal() { Self::CallerNotAccepted } else { self }
    }

    /// Whether the server refused the credential.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::NotAccepted | Self::NotGranted)
    }

    /// A refusal in the tool's words, cleaned and shortened.
    pub(crate) fn refused(words: &str) -> Self {
        Self::Refused(made_safe(words))
    }

    /// What this becomes after an attempt that may have had its effect: "nothing was done" is then
    /// no longer true.
    pub(crate) fn after_loss(self) -> Self {
        match self {
            Self::Guard(GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. })
            | Self::NotConnected
            | Self::Unreachable
            | Self::NotAllowed
            | Self::NotAccepted
            | Self::NotGranted
            | Self::CallerNotAccepted
            | Self::NotSignedIn
            | Self::Expired
            | Self::SignIn(_)
            | Self::Anonymous
            | Self::NoPlace
            | Self::Stopped
            | Self::Crowded
            | Self::Busy(_) => Self::Lost,
            Self::Guard(GuardRefusal::TimedOut | GuardRefusal::DeadlinePassed)
            | Self::Lost
            | Self::StillLost
            | Self::Broken(_)
            | Self::Refused(_)
            | Self::AnswerLost
            | Self::Asks(_) => self,
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Guard(GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. }) => "held_back",
            Self::Guard(GuardRefusal::TimedOut | GuardRefusal::DeadlinePassed) => "timed_out",
            Self::NotConnected => "not_connected",
            Self::Unreachable => "unreachable",
            Self::NotAllowed => "not_allowed",
            Self::Busy(_) => "busy",
            Self::Lost | Self::StillLost => "lost",
            Self::Broken(_) => "broken",
            Self::Refused(_) => "refused",
            Self::Asks(_) => "asks",
            Self::AnswerLost => "answer_lost",
            Self::NotAccepted | Self::NotGranted | Self::CallerNotAccepted => "not_accepted",
            Self::NotSignedIn => "not_signed_in",
            Self::Expired => "expired",
            Self::SignIn(_) => "sign_in",
            Self::Anonymous => "anonymous",
            Self::NoPlace => "no_place",
            Self::Stopped => "stopped",
            Self::Crowded => "crowded",
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
            Self::Refused(_) | Self::Broken(_) | Self::Asks(_) => Verdict::Answered,
            Self::Guard(
                GuardRefusal::Open { .. } | GuardRefusal::Cooling { .. } | GuardRefusal::DeadlinePassed,
            )
            | Self::NotConnected
            // Connecting shows whether it can be reached, and has its own pauses (ADR 1).
            | Self::Unreachable
            | Self::NotAllowed
            | Self::NotAccepted
            | Self::NotGranted
            | Self::CallerNotAccepted
            | Self::NotSignedIn
            | Self::Expired
            | Self::SignIn(_)
            | Self::Anonymous
            // Our own limit, so no illness of the server's (ADR 39).
            | Self::NoPlace
            | Self::Stopped
            | Self::Crowded
            | Self::AnswerLost
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
            | Self::NotAllowed
            | Self::NotAccepted
            | Self::NotGranted
            | Self::CallerNotAccepted
            | Self::NotSignedIn
            | Self::Expired
            | Self::SignIn(_)
            | Self::Anonymous
            | Self::NoPlace
            | Self::Stopped
            | Self::Crowded
            | Self::Broken(_)
            | Self::Refused(_)
            | Self::AnswerLost
            | Self::Asks(_) => Repeat::Never,
        }
    }
}

impl From<GuardRefusal> for CallFault {
    fn from(refusal: GuardRefusal) -> Self {
        Self::Guard(refusal)
    }
}

impl From<&ConnectError> for CallFault {
    /// Of a session that was opened for the call: nothing of the call itself was sent.
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Unauthorized | ConnectError::Status(401 | 403) => Self::NotAccepted,
            ConnectError::NotAllowed(_) | ConnectError::Redirected => Self::NotAllowed,
            ConnectError::NotStarted(_)
            | ConnectError::NoFolder
            | ConnectError::Unusable
            | ConnectError::TimedOut
            | ConnectError::Unreachable
            | ConnectError::NoToken
            | ConnectError::Status(_)
            | ConnectError::Closed
            | ConnectError::Refused(_)
            | ConnectError::Foreign
            | ConnectError::Garbled
            | ConnectError::TooLarge
            | ConnectError::Flooded(_) => Self::Unreachable,
        }
    }
}

impl From<ServiceError> for CallFault {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(answer) => answered(&answer),
            ServiceError::TransportSend(error) => not_sent(TransportFault::of(&error)),
            ServiceError::Timeout { .. } => Self::Guard(GuardRefusal::TimedOut),
            ServiceError::UnexpectedResponse => Self::Broken(UNREADABLE.into()),
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
            | CallFault::NotAllowed
            | CallFault::NotAccepted
            | CallFault::Crowded
            | CallFault::Busy(_) => Self::Unavailable,
            CallFault::Lost | CallFault::StillLost => Self::Lost,
            CallFault::Broken(words) => Self::Broken(words),
            CallFault::Refused(words) => Self::Refused(words),
            CallFault::Asks(inquiry) => Self::Asks(inquiry),
            CallFault::AnswerLost => Self::AnswerLost,
            CallFault::NotGranted => Self::Refused(NOT_GRANTED.to_owned()),
            CallFault::CallerNotAccepted => Self::Refused(NOT_ACCEPTED.to_owned()),
            CallFault::NotSignedIn => Self::Refused(NOT_SIGNED_IN.to_owned()),
            CallFault::Expired => Self::Refused(EXPIRED.to_owned()),
            CallFault::SignIn(offer) => Self::SignIn(offer),
            CallFault::Anonymous => Self::Refused(ANONYMOUS.to_owned()),
            CallFault::Stopped => Self::NotMade,
            CallFault::NoPlace => Self::Refused(NO_PLACE.to_owned()),
        }
    }
}

/// A status below 500 means that nothing was done. From 500 on a proxy may answer for a server that
/// is still working.
fn not_sent(trouble: TransportFault) -> CallFault {
    match trouble {
        TransportFault::Status { code: TOO_MANY_REQUESTS, pause } => CallFault::Busy(pause),
        TransportFault::WantsCredential | TransportFault::Status { code: 401 | 403, .. } => {
            CallFault::NotAccepted
        }
        TransportFault::WantsScopes => CallFault::NotGranted,
        // A redirect is not followed, and would be none the next time (ADR 31).
        TransportFault::Status { code: 300..400, .. } | TransportFault::NotAllowed(_) => {
            CallFault::NotAllowed
        }
        TransportFault::Status { code: ..500, .. }
        | TransportFault::NotReached
        | TransportFault::NoToken => CallFault::Unreachable,
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
