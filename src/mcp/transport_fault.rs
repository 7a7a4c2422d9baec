//! Finds out what went wrong on the wire, from rmcp's nested errors.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, StreamableHttpError,
};

/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportFault {
    /// No connection could be made: nothing was sent.
    NotReached,
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
    pub(super) fn of(error: &DynamicTransportError) -> Self {
        let first: &Cause = error.error.as_ref();
        std::iter::successors(Some(first), |&error| error.source())
            .find_map(read)
            .unwrap_or(Self::Broken)
    }
}

fn read(cause: &Cause) -> Option<TransportFault> {
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
    error.is_connect().then_some(TransportFault::NotReached)
}

fn read_http(error: &StreamableHttpError<reqwest::Error>) -> Option<TransportFault> {
    match error {
        // rmcp's error does not return its cause from `source()`, so a refused connection would
        // count as a broken one (ADR 1).
        StreamableHttpError::Client(error) => read_request(error),
        StreamableHttpError::UnexpectedServerResponse(words) => {
            Some(named_status(words).map_or(TransportFault::Garbled, refused))
        }
        StreamableHttpError::UnexpectedContentType(_) | StreamableHttpError::Deserialize(_) => {
            Some(TransportFault::Garbled)
        }
        StreamableHttpError::HttpStatus(_) | _ => None,
    }
}

fn refused(status: StatusCode) -> TransportFault {
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
