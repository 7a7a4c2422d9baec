//! Why there is no session, in our words.

use std::io;

use rmcp::ServiceError;
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;

use super::transport_fault::TransportFault;

/// `Display` goes to the log, so it contains no text of the server and no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("its command cannot be started: {0}")]
    NotStarted(io::ErrorKind),
    #[error("its address or a header of it is unusable")]
    Unusable,
    #[error("it did not answer in time")]
    TimedOut,
    #[error("nobody listens at its address")]
    Unreachable,
    #[error("it answered HTTP {0}")]
    Status(u16),
    #[error("it asks for a credential; set a header for it")]
    Unauthorized,
    #[error("it closed the connection")]
    Closed,
    #[error("it refused with JSON-RPC error {0}")]
    Refused(i32),
    #[error("it speaks no revision of the protocol that we speak")]
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
            TransportFault::Status { code, .. } => Self::Status(code),
            TransportFault::Garbled => Self::Garbled,
            TransportFault::Broken => Self::Closed,
        }
    }
}
