//! What goes wrong with a server, from rmcp's errors to ours: on the wire ([`TransportFault`]) and
//! while connecting ([`ConnectError`]). Faults of calls are in `call`.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use rmcp::ServiceError;
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, StreamableHttpError,
};

use outbound::NotAllowed;

pub(super) const TOO_MANY_REQUESTS: u16 = 429;
/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// In place of an answer that is not read (ADR 39).
pub(super) const TOO_LARGE: &str = "its answer is larger than 8 MiB or has more than 50,000 parts; \
    ask for less at once";
pub(super) const UNREADABLE: &str = "its answer cannot be read";

/// What a server may not send (ADR 39).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flood {
    #[error("it sends messages that nobody asked for without a pause")]
    Unasked,
    #[error("it sends more requests than it takes answers to")]
    Unanswered,
    #[error("it writes without an end to the message")]
    Endless,
}

/// `Display` goes to the log, so it contains no text of the server and no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("its command cannot be started ({0}); change its command")]
    NotStarted(io::ErrorKind),
    #[error("its cwd is no folder; change it or make that folder")]
    NoFolder,
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
    #[error(
        "it requires a credential; set a header for it, or TOKEN_KEY, and run `orchestrator tools login`"
    )]
    Unauthorized,
    /// Nothing was sent (ADR 42).
    #[error("its sign-in could not be read or renewed, which is tried again")]
    NoToken,
    #[error("it closed the connection")]
    Closed,
    #[error("it refused with JSON-RPC error {0}")]
    Refused(i32),
    #[error("it supports no version of the protocol that this server supports")]
    Foreign,
    #[error("it does not answer as an MCP server should")]
    Garbled,
    #[error("its list of tools is larger than 8 MiB or has more than 50,000 parts")]
    TooLarge,
    #[error("{0}; look for the reason in its log")]
    Flooded(Flood),
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
            ServiceError::McpError(error) if error.message == TOO_LARGE => Self::TooLarge,
            ServiceError::McpError(error) => Self::Refused(error.code.0),
            ServiceError::Timeout { .. } => Self::TimedOut,
            ServiceError::UnexpectedResponse | _ => Self::Garbled,
        }
    }
}

impl From<&DynamicTransportError> for ConnectError {
    fn from(error: &DynamicTransportError) -> Self {
        match TransportFault::of(error) {
            TransportFault::WantsCredential | TransportFault::WantsScopes => Self::Unauthorized,
            TransportFault::NoToken => Self::NoToken,
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
            Self::NotAllowed(_)
            | Self::Redirected
            | Self::Unauthorized
            | Self::NoToken
            | Self::Unusable
            | Self::NotStarted(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            | Self::NoFolder
            | Self::TooLarge
            | Self::Flooded(_) => Some(self.to_string()),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportFault {
    /// No connection could be made: nothing was sent.
    NotReached,
    /// No connection may be made: nothing was sent.
    NotAllowed(NotAllowed),
    /// The server requires a credential.
    WantsCredential,
    /// It requires scopes that the credential does not have.
    WantsScopes,
    /// Our own token could not be had: nothing was sent.
    NoToken,
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
    pub(super) fn of(error: &DynamicTransportError) -> Self {
        let first: &Cause = error.error.as_ref();
        std::iter::successors(Some(first), |&error| error.source())
            .find_map(read_cause)
            .unwrap_or(Self::Broken)
    }

    /// The same of one request, if it says.
    pub(super) fn of_http(error: &StreamableHttpError<reqwest::Error>) -> Option<Self> {
        let is_challenge = matches!(error, StreamableHttpError::AuthRequired(_));
        if is_challenge { Some(Self::WantsCredential) } else { read_http(error) }
    }
}

/// What a server that requires a credential says with its refusal.
pub(super) fn challenge_in(error: &ServiceError) -> Option<String> {
    let ServiceError::TransportSend(error) = error else { return None };
    let first: &Cause = error.error.as_ref();
    let mut causes = std::iter::successors(Some(first), |&error| error.source());
    causes.find_map(|cause| {
        let refused = cause.downcast_ref::<AuthRequiredError>()?;
        Some(refused.www_authenticate_header.clone())
    })
}

fn read_cause(cause: &Cause) -> Option<TransportFault> {
    if cause.is::<AuthRequiredError>() {
        return Some(TransportFault::WantsCredential);
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
        StreamableHttpError::Auth(_) => Some(TransportFault::NoToken),
        StreamableHttpError::InsufficientScope(_) => Some(TransportFault::WantsScopes),
        // The protocol's word for it is 404: the request was not performed.
        StreamableHttpError::SessionExpired => Some(refused_with(StatusCode::NOT_FOUND)),
        // Nor is this one's, which would make "too many requests" a broken connection.
        StreamableHttpError::HttpStatus(HttpStatusError { status, retry_after, .. }) => {
            let seconds = retry_after.as_deref().and_then(|text| text.trim().parse().ok());
            let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_PAUSE));
            Some(TransportFault::Status { code: *status, pause })
        }
        StreamableHttpError::ResponseBodyTooLarge { .. } => Some(TransportFault::Garbled),
        StreamableHttpError::Sse(_) | _ => None,
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
