//! Opens a session with a server of either era, and says in plain words why not.

use std::io;
use std::sync::Arc;

use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, NotificationContext,
    RunningService,
};
use rmcp::transport::{DynamicTransportError, IntoTransport};
use rmcp::{ClientHandler, RoleClient, ServiceError};
use tokio::sync::Notify;

use super::calling::Hearers;
use super::child::Child;
use super::session::Session;
use super::trouble::Trouble;
use super::{ServerSettings, Transport, http};

/// How to begin talking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Ask for the 2026 revision first, then fall back.
    Ask,
    /// Initialise at once, for a server that is struck dumb by the question.
    Initialize,
}

/// Why there is no session. `Display` is for the log: no words of the server.
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

/// Our side of a session: hears that tools changed and how far calls are, declines everything else.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) changed: Arc<Notify>,
    pub(super) hearers: Arc<Hearers>,
}

/// Opens a session; the listener is told when the server's tools change.
///
/// # Cancel safety
///
/// Dropping the future kills a child that was started.
pub(super) async fn open(
    name: &Arc<str>,
    settings: &ServerSettings,
    opening: Opening,
    listener: Listener,
) -> Result<Session, ConnectError> {
    match &settings.transport {
        Transport::Child { command, args, env } => {
            let started = Child::start(name, command, args, env);
            let (child, pipes) = started.map_err(|error| ConnectError::NotStarted(error.kind()))?;
            let running = shake_hands(listener, pipes, opening).await?;
            Ok(Session::new(running, Some(child)))
        }
        Transport::Http { url, headers } => {
            let transport = http::transport(url, headers)?;
            Ok(Session::new(shake_hands(listener, transport, opening).await?, None))
        }
    }
}

async fn shake_hands<E: std::error::Error + Send + Sync + 'static, A>(
    listener: Listener,
    transport: impl IntoTransport<RoleClient, E, A>,
    opening: Opening,
) -> Result<RunningService<RoleClient, Listener>, ConnectError> {
    let lifecycle = match opening {
        Opening::Ask => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::LATEST],
            legacy_version: None,
        },
        Opening::Initialize => ClientLifecycleMode::Initialize,
    };
    Box::pin(listener.serve_with_lifecycle(transport, lifecycle))
        .await
        .map_err(|error| (&error).into())
}

impl Opening {
    /// What to try next: the other way only if this one got as far as talking.
    pub(super) const fn after(self, error: &ConnectError) -> Self {
        match (self, error) {
            (
                _,
                ConnectError::NotStarted(_)
                | ConnectError::Unusable
                | ConnectError::Unreachable
                | ConnectError::Unauthorized,
            ) => self,
            (Self::Ask, _) => Self::Initialize,
            (Self::Initialize, _) => Self::Ask,
        }
    }
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let me = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), me)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn on_progress(
        &self,
        news: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.hearers.hear(news);
    }
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
        match Trouble::of(error) {
            Trouble::WantsCredential => Self::Unauthorized,
            Trouble::NotReached => Self::Unreachable,
            Trouble::Status { code, .. } => Self::Status(code),
            Trouble::Garbled => Self::Garbled,
            Trouble::Broken => Self::Closed,
        }
    }
}
