//! What goes wrong with a server, from rmcp's errors to ours: on the wire ([`TransportFault`]), while
//! connecting ([`ConnectError`]), in a call ([`CallFault`]), and what a call's fault means for the
//! breaker, for a retry and for the model (ADR 1, ADR 12). Says what is known about the effect,
//! never more.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, StreamableHttpError,
};

use base::agents::ToolError;
use base::domain::{clean, shorten};
use base::resilience::{Fault, GuardRefusal, Repeat, Verdict};
use outbound::NotAllowed;

const MAX_REFUSAL_CHARS: usize = 2_000;
const TOO_MANY_REQUESTS: u16 = 429;

/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// `Display` goes to the log, so it contains no text of the server and no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("its command cannot be started: {0}")]
    NotStarted(io::ErrorKind),
    #[error("its address or one of its headers is not valid")]
    Unusable,
    #[error("it did not answer in time")]
    TimedOut,
    #[error("nothing listens at its address")]
    Unreachable,
    #[error("change its url in MCP_CONFIG or MCP_SERVER_URL: {0}")]
    NotAllowed(NotAllowed),
    #[error("change its url in MCP_CONFIG or MCP_SERVER_URL: it redirects to another place")]
    Redirected,
    #[error("it answered HTTP {0}")]
    Status(u16),
    #[error("it requires a credential; set a header for it")]
    Unauthorized,
    #[error("it closed the connection")]
    Closed,
    #[error("it refused with JSON-RPC error {0}")]
    Refused(i32),
    #[error("it supports no version of the protocol that this server supports")]
    Foreign,
    #[error("it does not answer as an MCP server should")]
    Garbled,
}

impl From<&ClientInitializeError> for ConnectError {
    fn from(error: &ClientInitializeError) -> Self {
        match error {
            ClientInitializeError::TransportError { error, .. } => error.into(),
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::Cancelled => {
                Self::Closed
            }
            ClientInitializeError::JsonRpcError(error) => Self::Refused(error.code.0),
            ClientInitializeError::NoCompatibleProtocolVersion { .. } => Self::Foreign,
            ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
                fallback.as_ref().into()
            }
            ClientInitializeError::ExpectedInitResponse(_)
            | ClientInitializeError::ExpectedInitResult(_)
            | _ => Self::Garbled,
        }
    }
}

impl From<&ServiceError> for ConnectError {
    fn from(error: &ServiceError) -> Self {
        match error {
            ServiceError::TransportSend(error) => error.into(),
            ServiceError::TransportClosed => Self::Closed,
            ServiceError::McpError(error) => Self::Refused(error.code.0),
            ServiceError::Timeout { .. } => Self::TimedOut,
            ServiceError::UnexpectedResponse | _ => Self::Garbled,
        }
    }
}

impl From<&DynamicTransportError> for ConnectError {
    fn from(error: &DynamicTransportError) -> Self {
        match TransportFault::of(error) {
            TransportFault::WantsCredential => Self::Unauthorized,
            TransportFault::NotReached => Self::Unreachable,
            TransportFault::NotAllowed(why) => Self::NotAllowed(why),
            TransportFault::Status { code: 300..400, .. } => Self::Redirected,
            TransportFault::Status { code, .. } => Self::Status(code),
            TransportFault::Garbled => Self::Garbled,
            TransportFault::Broken => Self::Closed,
        }
    }
}

impl ConnectError {
    /// What the operator must change, if trying again does not help.
    pub(super) fn advice(&self) -> Option<String> {
        match self {
            Self::NotAllowed(_) | Self::Redirected | Self::Unauthorized | Self::Unusable => {
                Some(self.to_string())
            }
            Self::NotStarted(_)
            | Self::TimedOut
            | Self::Unreachable
            | Self::Status(_)
            | Self::Closed
            | Self::Refused(_)
            | Self::Foreign
            | Self::Garbled => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
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
            | Self::NotAllowed
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
            Self::NotAllowed => "not_allowed",
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
            | Self::NotAllowed
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
            | CallFault::NotAllowed
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
        TransportFault::NotAllowed(_) => CallFault::NotAllowed,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransportFault {
    /// No connection could be made: nothing was sent.
    NotReached,
    /// No connection may be made: nothing was sent.
    NotAllowed(NotAllowed),
    /// The server requires a credential.
    WantsCredential,
    /// An HTTP error.
    Status {
        /// Its status.
        code: u16,
        /// Its `Retry-After`.
        pause: Option<Duration>,
    },
    /// The answer is not MCP.
    Garbled,
    /// The connection broke.
    Broken,
}

type Cause = dyn Error + 'static;

impl TransportFault {
    /// The first cause that is specific.
    fn of(error: &DynamicTransportError) -> Self {
        let first: &Cause = error.error.as_ref();
        std::iter::successors(Some(first), |&error| error.source())
            .find_map(read_cause)
            .unwrap_or(Self::Broken)
    }
}

fn read_cause(cause: &Cause) -> Option<TransportFault> {
    if cause.is::<AuthRequiredError>() {
        return Some(TransportFault::WantsCredential);
    }
    if let Some(HttpStatusError { status, retry_after, .. }) = cause.downcast_ref() {
        let seconds = retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_PAUSE));
        return Some(TransportFault::Status { code: *status, pause });
    }
    cause.downcast_ref().map_or_else(|| read_request(cause.downcast_ref()?), read_http)
}

fn read_request(error: &reqwest::Error) -> Option<TransportFault> {
    let refused = NotAllowed::find_in(error).map(TransportFault::NotAllowed);
    refused.or_else(|| error.is_connect().then_some(TransportFault::NotReached))
}

fn read_http(error: &StreamableHttpError<reqwest::Error>) -> Option<TransportFault> {
    match error {
        // rmcp's error does not return its cause from `source()`, so a refused connection would
        // count as a broken one (ADR 1).
        StreamableHttpError::Client(error) => read_request(error),
        StreamableHttpError::UnexpectedServerResponse(words) => {
            Some(named_status(words).map_or(TransportFault::Garbled, refused_with))
        }
        StreamableHttpError::UnexpectedContentType(_) | StreamableHttpError::Deserialize(_) => {
            Some(TransportFault::Garbled)
        }
        StreamableHttpError::HttpStatus(_) | _ => None,
    }
}

fn refused_with(status: StatusCode) -> TransportFault {
    if status == StatusCode::UNAUTHORIZED {
        TransportFault::WantsCredential
    } else {
        TransportFault::Status { code: status.as_u16(), pause: None }
    }
}

/// rmcp has no type for some statuses and writes `HTTP 404 Not Found: …`.
fn named_status(words: &str) -> Option<StatusCode> {
    let code = words.strip_prefix("HTTP ")?.get(..3)?;
    code.parse().ok()
}
