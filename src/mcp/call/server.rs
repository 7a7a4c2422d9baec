//! One server as calls see it: its link, its guard, its running calls. Connecting is the
//! supervisor's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::{Peer, RoleClient};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::super::error::ConnectError;
use super::super::link::connect_attempts::ConnectAttempts;
use super::super::link::session::Session;
use super::super::link::session_listener::SessionListener;
use super::super::oauth::caller_tokens::CallerTokens;
use super::super::oauth::server_tokens::ServerTokens;
use super::super::tools::server_tools::ServerTools;
use super::super::{ServerSettings, Settings, Transport};
use super::caller_sessions::{CallerSession, CallerSessions};
use super::calling::{self, ProgressListeners};
use super::conversation::{Conversation, QUESTION};
use super::fault::CallFault;
use super::in_flight::CallsInFlight;
use super::parked_calls::{Found, ParkedCalls};
use super::target::CallTarget;
use base::agents::ToolRequest;
use base::domain::{
    ContentList, Continuation, Dependency, Detail, Effect, FormReply, Resumption, ToolOutput,
};
use base::resilience::{Fault, Guard, GuardRefusal, Verdict};
use outbound::Outbound;

/// How many times its limit a call may take while its server reports progress (ADR 39).
pub(super) const MOST_LIMITS: u32 = 5;

#[derive(Debug)]
pub(crate) struct Server {
    name: Arc<str>,
    pub(crate) settings: ServerSettings,
    pub(crate) guard: Guard,
    /// Wakes the supervisor: a call failed so that the server is in doubt.
    pub(crate) doubt: Notify,
    /// The same: it said that its tools changed.
    pub(crate) changed: Arc<Notify>,
    pub(crate) in_flight: CallsInFlight,
    /// Served in the order in which calls came.
    places: Semaphore,
    pub(crate) attempts: ConnectAttempts,
    pub(crate) outbound: Outbound,
    /// Of a server that gets the tokens of callers.
    pub(crate) caller_sessions: CallerSessions,
    /// Of a server at which callers sign in (ADR 46).
    pub(crate) caller_tokens: Option<CallerTokens>,
    /// Calls that wait for what the person answers (ADR 44).
    pub(crate) parked: Arc<ParkedCalls>,
    /// The operator's, for a server that may get them (ADR 42).
    pub(crate) tokens: Option<Arc<ServerTokens>>,
    /// The longest silence in a call.
    call_timeout: Duration,
    status: Mutex<ServerStatus>,
}

/// A call, prepared once for all its attempts.
#[derive(Debug)]
pub(crate) struct PreparedCall<'a> {
    pub(crate) target: CallTarget<'a>,
    pub(crate) effect: Effect,
    pub(crate) request: ToolRequest<'a>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ServerStatus {
    pub(crate) link: Link,
    /// What it offers, or offered when it was last connected.
    pub(crate) offer: Arc<ServerTools>,
    /// The same, of its resources and prompts.
    pub(crate) content: Arc<ContentList>,
    pub(crate) version: Option<String>,
    /// Why it was lost, or could not be connected.
    pub(crate) fault: Option<ConnectError>,
    /// Whether it was connected ever.
    pub(crate) has_answered: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Link {
    /// Not tried since the start, or since it was lost: it may be connected in a moment.
    #[default]
    Untried,
    Down,
    /// With what hears the calls of this session alone: each counts them from the beginning.
    Up(Peer<RoleClient>, Arc<ProgressListeners>),
}

impl Server {
    pub(crate) fn new(settings: ServerSettings, common: &Settings) -> Self {
        let vault = common.vault.as_ref();
        Self {
            tokens: vault.and_then(|it| ServerTokens::of_operator(&settings, it, &common.outbound)),
            caller_tokens: CallerTokens::new(&settings, common),
            name: settings.name.as_str().into(),
            guard: Guard::new(format!("mcp:{}", settings.name), common.guard),
            doubt: Notify::new(),
            changed: Arc::default(),
            in_flight: CallsInFlight::default(),
            places: Semaphore::new(settings.max_calls.into()),
            attempts: ConnectAttempts::new(common.guard.breaker.max_failures),
            outbound: common.outbound.clone(),
            caller_sessions: CallerSessions::default(),
            parked: Arc::new(ParkedCalls::new(common.pace.answer)),
            call_timeout: settings.call_timeout.unwrap_or(common.call_timeout),
            settings,
            status: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Receives its notifications in one session.
    pub(crate) fn listener(&self) -> SessionListener {
        SessionListener {
            server: Arc::clone(&self.name),
            changed: Arc::clone(&self.changed),
            progress_listeners: Arc::default(),
        }
    }

    pub(crate) fn status(&self) -> ServerStatus {
        self.lock().clone()
    }

    /// Stores an open session, or its new list of tools. Returns whether that is news for turns.
    pub(crate) fn set_connected(&self, session: &Session, offer: ServerTools) -> bool {
        let listeners = Arc::clone(session.progress_listeners());
        let (link, offer) = (Link::Up(session.peer().clone(), listeners), Arc::new(offer));
        let (version, fault, has_answered) = (session.version(), None, true);
        let before = {
            let (mut status, offer) = (self.lock(), Arc::clone(&offer));
            let content = Arc::clone(&status.content);
            let now = ServerStatus { link, offer, content, version, fault, has_answered };
            std::mem::replace(&mut *status, now)
        };
        if !offer.unmatched.is_empty() && offer.unmatched != before.offer.unmatched {
            tracing::warn!(
                mcp.server = %self.name,
                names = offer.unmatched.join(", "),
                "No tool of this server has a name that its \"tools\" in MCP_CONFIG has"
            );
        }
        !before.is_connected() || before.offer != offer
    }

    /// Stores what it has besides tools. Returns whether that is news for turns.
    pub(crate) fn set_content(&self, content: ContentList) -> bool {
        let mut status = self.lock();
        let is_news = *status.content != content;
        if is_news {
            status.content = Arc::new(content);
        }
        is_news
    }

    /// Stores that it was lost or cannot be reached; returns the link before.
    pub(crate) fn set_disconnected(&self, to: Link) -> Link {
        std::mem::replace(&mut self.lock().link, to)
    }

    /// Stores why it is not connected, for `/health`.
    pub(crate) fn blame(&self, fault: Option<ConnectError>) {
        self.lock().fault = fault;
    }

    /// Waits for one more attempt to connect, if it may be back by now.
    pub(crate) async fn tried_again(&self) {
        if self.may_be_back() && !self.status().is_connected() {
            self.attempts.one_more().await;
        }
    }

    /// Whether a turn that needs it may have it tried. A child that ends immediately would only be
    /// started again and again (ADR 1). One whose program is missing costs nothing (ADR 39).
    pub(crate) fn may_be_back(&self) -> bool {
        self.is_remote() || self.attempts.started_nothing()
    }

    /// Whether its death is not seen but by a request.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.settings.transport, Transport::Http { .. })
    }

    /// Whether the one that it replaces is no longer needed (ADR 39). A child that starts and breaks
    /// off again and again may be in the way of its predecessor's, such as at the lock of a file.
    pub(crate) fn has_taken_over(&self) -> bool {
        let status = self.lock();
        status.has_answered || (status.advice().is_none() && self.waits_in_vain())
    }

    fn waits_in_vain(&self) -> bool {
        !self.is_remote() && self.attempts.failed_often()
    }

    pub(crate) fn report(&self) -> Dependency {
        let status = self.status();
        let connected = status.is_connected();
        let tools = if connected { status.offer.tools.len() } else { 0 };
        let signing_in = self.tokens.as_ref().and_then(|tokens| tokens.advice());
        let advice = signing_in.or_else(|| status.advice());
        let fault = status.fault.filter(|_| !connected);
        let (reason, left_out) = (fault.map(|fault| fault.to_string()), Vec::new());
        let protocol_version = status.version;
        Dependency {
            name: format!("mcp:{}", self.name),
            breaker: self.attempts.told_with(self.guard.report()),
            detail: Detail::Mcp { connected, tools, protocol_version, advice, reason, left_out },
        }
    }

    /// Calls a tool or reads something, once there is a place for the call. Retries only what may happen twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future tells the server to stop.
    pub(crate) async fn call(&self, call: &PreparedCall<'_>) -> Result<ToolOutput, CallFault> {
        if let Some(Resumption { continuation: Continuation::Parked { ticket }, replies }) =
            call.request.resumed
        {
            return self.go_on(call, ticket, replies.get(QUESTION)).await;
        }
        let _place = self.place(&call.request).await?;
        let deadline = call.request.deadline;
        let result = match call.effect {
            Effect::ReadOnly | Effect::Idempotent => self.call_repeatedly(call, deadline).await,
            Effect::Changes => {
                self.guard.call_once(self.longest(), deadline, self.attempt(call)).await
            }
        };
        // If the guard dropped the attempt, `consider` did not see it.
        if matches!(&result, Err(CallFault::Guard(GuardRefusal::TimedOut))) {
            self.caller_sessions.forget_of(call.request.caller);
            self.doubt.notify_one();
        }
        result
    }

    /// Goes on with a call that waited in this process for a person.
    async fn go_on(
        &self,
        call: &PreparedCall<'_>,
        ticket: &str,
        reply: Option<&FormReply>,
    ) -> Result<ToolOutput, CallFault> {
        let end = call.request.deadline.min(Instant::now() + self.longest());
        match self.parked.take(ticket) {
            None => Err(CallFault::AnswerLost),
            Some(Found::Late(ending)) => {
                let end = timeout_at(end, ending).await.map_err(|_| CallFault::Lost)?;
                end.unwrap_or(Err(CallFault::Lost)).map(told_too_late)
            }
            Some(Found::Waiting(parked)) => {
                let talk = self.conversation(call, parked.session.clone());
                let talk = talk.go_on(*parked, reply.unwrap_or(&FormReply::Declined));
                let answer = timeout_at(end, talk).await;
                let answer = answer.unwrap_or(Err(CallFault::Guard(GuardRefusal::TimedOut)));
                answer.inspect_err(|fault| self.consider(fault))
            }
        }
    }

    pub(super) fn conversation<'a>(
        &'a self,
        call: &'a PreparedCall<'a>,
        session: Option<Arc<CallerSession>>,
    ) -> Conversation<'a> {
        let (parked, in_flight, call_timeout) = (&self.parked, &self.in_flight, self.call_timeout);
        let ToolRequest { key, caller, .. } = call.request;
        let is_told = self.settings.is_told_owners();
        let meta = calling::meta(key, is_told.then_some(&caller.owner));
        Conversation { server: &self.name, call, meta, parked, in_flight, session, call_timeout }
    }

    /// A place among the calls that the server works on. Waiting for it takes as long as a call may,
    /// and nothing of the call's own time. Whoever is stopped meanwhile is not sent (ADR 39).
    async fn place(&self, request: &ToolRequest<'_>) -> Result<SemaphorePermit<'_>, CallFault> {
        let end = request.deadline.min(Instant::now() + self.call_timeout);
        let place = timeout_at(end, self.places.acquire());
        let place = request.interrupt.unless_raised(place).await.ok_or(CallFault::Stopped)?;
        place.ok().and_then(Result::ok).ok_or(CallFault::NoPlace)
    }

    /// After a lost attempt, no later one may report that nothing was done (ADR 12). And while the
    /// server reconnects, "not connected" is worth another attempt.
    async fn call_repeatedly(
        &self,
        call: &PreparedCall<'_>,
        deadline: Instant,
    ) -> Result<ToolOutput, CallFault> {
        let lost = AtomicBool::new(false);
        let interrupt = call.request.interrupt;
        let attempt = || async {
            // After a lost attempt another one may tell what became of it.
            if interrupt.reason().is_some() && !lost.load(Ordering::Relaxed) {
                return Err(CallFault::Stopped);
            }
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
        let result = self.guard.call(self.longest(), deadline, attempt).await;
        let was_lost = lost.load(Ordering::Relaxed);
        result.map_err(|fault| if was_lost { fault.after_loss() } else { fault })
    }

    fn longest(&self) -> Duration {
        self.call_timeout.saturating_mul(MOST_LIMITS)
    }

    async fn attempt(&self, call: &PreparedCall<'_>) -> Result<ToolOutput, CallFault> {
        // A clone, so that the lock is not held during the call.
        let Link::Up(peer, listeners) = self.lock().link.clone() else {
            self.attempts.want();
            return Err(CallFault::NotConnected);
        };
        let _under_way = self.in_flight.begin();
        let until = Instant::now() + self.call_timeout;
        if self.settings.acts_for_callers() {
            return self.attempt_as_caller(&peer, call, until).await;
        }
        let here = (&peer, &listeners);
        let talk = self.conversation(call, None);
        let answer = Box::pin(talk.begin(here, until)).await;
        answer.inspect_err(|fault| self.consider(fault))
    }

    pub(super) fn consider(&self, fault: &CallFault) {
        let is_away = matches!(
            fault,
            CallFault::Unreachable | CallFault::NotAllowed | CallFault::NotAccepted
        );
        if is_away || fault.verdict() == Verdict::Ill {
            self.doubt.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ServerStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the model, before what the server made of a missing answer.
const TOO_LATE: &str = "[The person's answer came too late: the tool's server had asked in the middle of \
    this call and was told that they declined. It answered:]\n";

fn told_too_late(output: ToolOutput) -> ToolOutput {
    ToolOutput { text: format!("{TOO_LATE}{}", output.text), ..output }
}

impl ServerStatus {
    /// Whether calls can be sent.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(..))
    }

    /// What the operator must change before it can be connected.
    pub(crate) fn advice(&self) -> Option<String> {
        self.fault.as_ref().and_then(ConnectError::advice)
    }

    /// Whether an attempt to connect has ended since the start, or since it was lost.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self.link, Link::Untried)
    }
}
