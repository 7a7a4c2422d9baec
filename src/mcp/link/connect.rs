//! Opens a session with a server, in the new or the old lifecycle of MCP (ADR 1).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::ProtocolVersion;
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::Transport as McpTransport;
use rmcp::{Peer, RoleClient};
use tokio::time::timeout;

use super::super::call::caller_credential::CallerCredential;
use super::super::call::caller_sessions::CallerSession;
use super::super::call::server::Server;
use super::super::error::{ConnectError, challenge_in};
use super::super::{RevisionChoice, Transport};
use super::child::{Child, Program};
use super::http::{self, Credential};
use super::intake::child_pipes::ChildPipes;
use super::intake::meter::Meter;
use super::intake::watched::Watched;
use super::session::Session;
use super::session_listener::SessionListener;

/// More than an old server needs that does not answer the detection.
const CHALLENGE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// Tries the 2026 revision first, then falls back. Costs ten seconds with an old server that
    /// does not answer; rmcp's limit cannot be set.
    Ask,
    /// Sends `initialize` immediately, for a server that does not answer the detection.
    Initialize,
    /// Speaks the 2026 revision and no other.
    Discover,
}

/// Opens a session.
///
/// # Cancel safety
///
/// Dropping the future kills a child that was started.
pub(crate) async fn open(server: &Server, handshake: Handshake) -> Result<Session, ConnectError> {
    let (listener, meter) = (server.listener(), Arc::<Meter>::default());
    match &server.settings.transport {
        Transport::Child { command, args, env, cwd } => {
            // The system's error is the same as for a command that is missing.
            if cwd.as_ref().is_some_and(|cwd| !Path::new(cwd).is_dir()) {
                return Err(ConnectError::NoFolder);
            }
            let program = Program { command, args, env, cwd: cwd.as_deref() };
            let started = Child::start(server.name(), &program);
            let (child, pipes) = started.map_err(|error| ConnectError::NotStarted(error.kind()))?;
            let pipes = ChildPipes::new(pipes, Arc::clone(&meter));
            let running = shake_hands(listener, (pipes, &meter), handshake).await?;
            Ok(Session::new(running, Some(child), meter))
        }
        Transport::Http { url, headers } => {
            let credential = if server.settings.acts_for_callers() {
                Credential::OperatorBesideCallers
            } else {
                Credential::Operator
            };
            let transport = http::transport(server, (url, headers), credential, &meter)?;
            let running = shake_hands(listener, (transport, &meter), handshake).await?;
            Ok(Session::new(running, None, meter))
        }
    }
}

/// Opens the session of a caller, with the operator's other headers.
///
/// # Cancel safety
///
/// The future can be dropped.
pub(crate) async fn open_for(
    server: &Server,
    handshake: Handshake,
    caller: &CallerSession,
) -> Result<Session, ConnectError> {
    let Transport::Http { url, headers } = &server.settings.transport else {
        return Err(ConnectError::Unusable);
    };
    let credential = match caller.credential() {
        CallerCredential::Forwarded(token) => Credential::Caller(token),
        CallerCredential::SignedIn(caller) => Credential::SignedIn(&caller.tokens),
    };
    let meter = Arc::<Meter>::default();
    let transport = http::transport(server, (url, headers), credential, &meter)?;
    let progress_listeners = Arc::clone(&caller.progress_listeners);
    // Changes of the tools are told to the session that lists them.
    let (server, changed) = (Arc::clone(server.name()), Arc::default());
    let listener = SessionListener { server, changed, progress_listeners };
    let running = shake_hands(listener, (transport, &meter), handshake).await?;
    Ok(Session::new(running, None, meter))
}

/// What a server says to whoever has no token: where its metadata for OAuth is, and which scopes it
/// wants (ADR 42).
pub(crate) async fn challenge(server: &Server) -> Option<String> {
    let Transport::Http { url, headers } = &server.settings.transport else { return None };
    let meter = Arc::<Meter>::default();
    let transport = http::transport(server, (url, headers), Credential::Operator, &meter).ok()?;
    let transport = Watched::new(transport, meter);
    let lifecycle = Handshake::first(server.settings.revision).lifecycle();
    let asked = async {
        match Box::pin(server.listener().serve_with_lifecycle(transport, lifecycle)).await {
            Err(refused) => refused.auth_challenge().map(str::to_owned),
            // Some let everybody open a session, and refuse what is asked in it.
            Ok(session) => challenge_in(&session.list_tools(None).await.err()?),
        }
    };
    timeout(CHALLENGE_TIMEOUT, asked).await.ok()?
}

async fn shake_hands(
    listener: SessionListener,
    (transport, meter): (impl McpTransport<RoleClient> + 'static, &Arc<Meter>),
    handshake: Handshake,
) -> Result<RunningService<RoleClient, SessionListener>, ConnectError> {
    // Plain `serve` would always use the old lifecycle. No time limit here: rmcp has none either,
    // so the supervisor sets one (ADR 1).
    let (transport, lifecycle) =
        (Watched::new(transport, Arc::clone(meter)), handshake.lifecycle());
    let running = Box::pin(listener.serve_with_lifecycle(transport, lifecycle)).await;
    running.map_err(|error| meter.why().map_or_else(|| (&error).into(), ConnectError::Flooded))
}

impl Handshake {
    fn lifecycle(self) -> ClientLifecycleMode {
        let preferred_versions = vec![ProtocolVersion::LATEST];
        match self {
            Self::Ask => ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
            Self::Initialize => ClientLifecycleMode::Initialize,
            Self::Discover => ClientLifecycleMode::Discover { preferred_versions },
        }
    }

    pub(crate) const fn first(choice: RevisionChoice) -> Self {
        match choice {
            RevisionChoice::Detected => Self::Ask,
            RevisionChoice::Sessions => Self::Initialize,
            RevisionChoice::Stateless => Self::Discover,
        }
    }

    /// The one that suits a server of which a session is open.
    pub(crate) fn of(peer: &Peer<RoleClient>, choice: RevisionChoice) -> Self {
        let is_old = peer.peer_info().is_some_and(|info| info.protocol_version.has_initialize());
        if is_old { Self::Initialize } else { Self::first(choice) }
    }

    /// What to try next: the other way only if a server answered. A refused connection must not
    /// change the era, or a server that starts late is spoken to in the old one forever (ADR 1).
    pub(crate) const fn after(self, error: &ConnectError, choice: RevisionChoice) -> Self {
        match (self, error) {
            (_, _) if !matches!(choice, RevisionChoice::Detected) => self,
            (
                _,
                ConnectError::NotStarted(_)
                | ConnectError::NoFolder
                | ConnectError::Unusable
                | ConnectError::Unreachable
                | ConnectError::NotAllowed(_)
                | ConnectError::Redirected
                | ConnectError::Unauthorized
                | ConnectError::TooLarge
                | ConnectError::Flooded(_)
                | ConnectError::NoToken,
            ) => self,
            (Self::Ask, _) => Self::Initialize,
            (Self::Initialize | Self::Discover, _) => Self::Ask,
        }
    }
}
