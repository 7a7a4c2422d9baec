//! One server as a call sees it: connected or not, and guarded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResponse};
use rmcp::{Peer, RoleClient};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::super::fault::CallFault;
use super::super::link::connect_attempts::ConnectAttempts;
use super::super::link::session_listener::SessionListener;
use super::super::tools::server_tools::ServerTools;
use super::super::{ServerSettings, Settings, Transport};
use super::calling::{self, ProgressListeners};
use super::in_flight::CallsInFlight;
use super::result::read_result;
use crate::agents::ToolRequest;
use crate::domain::{Dependency, Detail, Effect, ToolId, ToolOrigin, ToolOutput};
use crate::resilience::{Fault, Guard, GuardRefusal, Verdict};

/// One server.
#[derive(Debug)]
pub(in crate::mcp) struct Server {
    name: Arc<str>,
    pub(in crate::mcp) settings: ServerSettings,
    pub(in crate::mcp) guard: Guard,
    /// Wakes the supervisor: the tools changed, or a call makes us doubt the server.
    pub(in crate::mcp) doubt: Arc<Notify>,
    /// Who hears of the progress of running calls.
    pub(in crate::mcp) progress_listeners: Arc<ProgressListeners>,
    /// What it is at work on.
    pub(in crate::mcp) in_flight: CallsInFlight,
    pub(in crate::mcp) attempts: ConnectAttempts,
    call_timeout: Duration,
    status: Mutex<ServerStatus>,
}

/// A call, as each of its attempts needs it.
#[derive(Debug)]
pub(in crate::mcp) struct PreparedCall<'a> {
    pub(in crate::mcp) tool: &'a ToolId,
    pub(in crate::mcp) effect: Effect,
    pub(in crate::mcp) arguments: Map<String, Value>,
    pub(in crate::mcp) request: ToolRequest<'a>,
}

/// Whether a server can be called, and what it offers.
#[derive(Clone, Debug, Default)]
pub(in crate::mcp) struct ServerStatus {
    pub(in crate::mcp) link: Link,
    /// What it offers, or offered when it was last seen.
    pub(in crate::mcp) offer: Arc<ServerTools>,
    pub(in crate::mcp) version: Option<String>,
}

/// Whether calls can be sent.
#[derive(Clone, Debug, Default)]
pub(in crate::mcp) enum Link {
    /// It was not tried since the start, or since it was lost: it may be there in a moment.
    #[default]
    Untried,
    /// It cannot be reached.
    Down,
    /// A session is open.
    Up(Peer<RoleClient>),
}

impl Server {
    /// A server that nobody has tried to reach yet.
    pub(in crate::mcp) fn new(settings: ServerSettings, common: &Settings) -> Self {
        Self {
            name: settings.name.as_str().into(),
            guard: Guard::new(format!("mcp:{}", settings.name), common.guard),
            settings,
            doubt: Arc::default(),
            progress_listeners: Arc::default(),
            in_flight: CallsInFlight::default(),
            attempts: ConnectAttempts::new(common.guard.breaker.max_failures),
            call_timeout: common.call_timeout,
            status: Mutex::default(),
        }
    }

    /// What people call it.
    pub(in crate::mcp) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Who hears what it tells without being asked.
    pub(in crate::mcp) fn listener(&self) -> SessionListener {
        SessionListener {
            changed: Arc::clone(&self.doubt),
            progress_listeners: Arc::clone(&self.progress_listeners),
        }
    }

    /// Its status now.
    pub(in crate::mcp) fn status(&self) -> ServerStatus {
        self.lock().clone()
    }

    /// Notes an open session, or news of its tools.
    pub(in crate::mcp) fn set_connected(
        &self,
        peer: Peer<RoleClient>,
        offer: ServerTools,
        version: Option<String>,
    ) {
        *self.lock() = ServerStatus { link: Link::Up(peer), offer: Arc::new(offer), version };
    }

    /// Notes that it was lost, or never reached; gives what was thought before.
    pub(in crate::mcp) fn set_disconnected(&self, to: Link) -> Link {
        std::mem::replace(&mut self.lock().link, to)
    }

    /// Waits for one more attempt to reach it, if it may be back by now.
    pub(in crate::mcp) async fn tried_again(&self) {
        if self.comes_back() && !self.status().is_connected() {
            self.attempts.one_more().await;
        }
    }

    /// Whether it comes back by itself, as servers of others do. A child of ours that ends at once
    /// would only be started over and over.
    pub(in crate::mcp) fn comes_back(&self) -> bool {
        matches!(self.settings.transport, Transport::Http { .. })
    }

    /// Its state, for health reports.
    pub(in crate::mcp) fn report(&self) -> Dependency {
        let ServerStatus { link, offer, version } = self.status();
        let connected = matches!(link, Link::Up(_));
        let tools = if connected { offer.tools.len() } else { 0 };
        Dependency {
            name: format!("mcp:{}", self.name),
            breaker: self.attempts.told_with(self.guard.report()),
            detail: Detail::Mcp { connected, tools, protocol_version: version },
        }
    }

    /// Calls a tool; repeats only what may happen twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop.
    pub(in crate::mcp) async fn call(
        &self,
        call: &PreparedCall<'_>,
    ) -> Result<ToolOutput, CallFault> {
        let result = match call.effect {
            Effect::ReadOnly | Effect::Idempotent => self.call_repeatedly(call).await,
            Effect::Changes => {
                let attempt = self.attempt(call);
                self.guard.call_once(self.call_timeout, call.request.deadline, attempt).await
            }
        };
        if matches!(&result, Err(CallFault::Guard(GuardRefusal::TimedOut))) {
            self.doubt.notify_one();
        }
        result
    }

    /// Once an attempt was lost it may have had its effect, so no later one may
    /// say that nothing was done; and the server may be about to come back.
    async fn call_repeatedly(&self, call: &PreparedCall<'_>) -> Result<ToolOutput, CallFault> {
        let lost = AtomicBool::new(false);
        let attempt = || async {
            let result = self.attempt(call).await;
            match &result {
                Err(CallFault::Lost) => lost.store(true, Ordering::Relaxed),
                Err(CallFault::NotConnected) if lost.load(Ordering::Relaxed) => {
                    return Err(CallFault::StillLost);
                }
                Ok(_) | Err(_) => {}
            }
            result
        };
        let result = self.guard.call(self.call_timeout, call.request.deadline, attempt).await;
        let was_lost = lost.load(Ordering::Relaxed);
        result.map_err(|fault| if was_lost { fault.after_loss() } else { fault })
    }

    async fn attempt(&self, call: &PreparedCall<'_>) -> Result<ToolOutput, CallFault> {
        let Link::Up(peer) = self.lock().link.clone() else {
            self.attempts.want();
            return Err(CallFault::NotConnected);
        };
        let _under_way = self.in_flight.begin();
        let params = CallToolRequestParams::new(call.tool.tool.to_string())
            .with_arguments(call.arguments.clone());
        let ToolRequest { key, progress, .. } = call.request;
        let answer = calling::call(&peer, params, key, &self.progress_listeners, progress).await;
        match answer.map_err(CallFault::from).inspect_err(|fault| self.consider(fault))? {
            CallToolResponse::Complete(result) => {
                read_result(result, ToolOrigin::Server(call.tool.clone()))
            }
            CallToolResponse::InputRequired(_) | _ => Err(CallFault::Asks),
        }
    }

    fn consider(&self, fault: &CallFault) {
        if fault.verdict() == Verdict::Ill || *fault == CallFault::Unreachable {
            self.doubt.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ServerStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerStatus {
    /// Whether calls can be sent.
    pub(in crate::mcp) fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Whether an attempt to connect has ended since the start, or since it was lost.
    pub(in crate::mcp) fn is_settled(&self) -> bool {
        !matches!(self.link, Link::Untried)
    }
}
