//! Keeps one server connected: connects, checks, disconnects and connects again (ADR 1).

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rmcp::ServiceError;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::super::call::server::{Link, Server};
use super::super::error::{ConnectError, TOO_MANY_REQUESTS};
use super::super::tools::boards::Boards;
use super::super::tools::server_tools::ServerTools;
use super::super::{Pace, Settings};
use super::child::ShutdownMode;
use super::connect::{Handshake, open};
use super::connect_attempts::AttemptEnd;
use super::session::{Happening, Session};
use base::resilience::GuardSettings;

/// How long a server in doubt may take to list its tools while no call is running.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Turns wait for a server only if its next attempt is due within this time. Also the least time
/// between attempts that turns request (ADR 1).
const SOON: Duration = Duration::from_secs(1);
/// Changes within this time are read together: some servers announce several at their start.
const GATHER: Duration = Duration::from_millis(50);
/// The least time from a listing to one that the server's changes ask for (ADR 39).
const REST: Duration = Duration::from_millis(500);

pub(crate) struct Supervisor {
    server: Arc<Server>,
    boards: Arc<Boards>,
    stop: CancellationToken,
    connect_timeout: Duration,
    guard: GuardSettings,
    pace: Pace,
    handshake: Handshake,
    pauses: ExponentialBackoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionEnd {
    Over,
    Flooded,
}

enum SessionEvent {
    Stop,
    Ended,
    Changed,
    Doubt,
    Due,
}

/// What is listed the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// As a sign of life.
    Tools,
    /// What it has besides them as well.
    All,
}

impl Supervisor {
    pub(crate) fn new(
        server: Arc<Server>,
        boards: Arc<Boards>,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Self {
        let Settings { connect_timeout, guard, pace, .. } = *settings;
        let handshake = Handshake::first(server.settings.revision);
        let pauses = pauses(&guard, pace.longest_pause);
        Self { server, boards, stop, connect_timeout, guard, pace, handshake, pauses }
    }

    /// Runs until it is stopped; leaves no child behind.
    pub(crate) async fn run(mut self) {
        while let Some(session) = self.connect().await {
            let opened = Instant::now();
            let end = self.watch(session).await;
            // Only a session that lasted: a server that connects and dies at once must keep
            // pausing. So must one that floods us, however late (ADR 39).
            if opened.elapsed() > self.pace.steady && end != SessionEnd::Flooded {
                self.pauses = pauses(&self.guard, self.pace.longest_pause);
            }
            self.pause().await;
        }
        self.on_disconnected(Link::Down, "we are shutting down");
    }

    /// Tries until it succeeds; `None` when stopped.
    async fn connect(&mut self) -> Option<Session> {
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            if let Some(session) = stop.run_until_cancelled(self.try_connect()).await? {
                return Some(session);
            }
            self.pause().await;
        }
        None
    }

    /// One attempt, unless calls are held back. Success does not close their breaker: a server that
    /// dies at every call would otherwise never get its pause (ADR 1).
    async fn try_connect(&mut self) -> Option<Session> {
        if !self.held_back().is_zero() {
            return None;
        }
        let opened = timeout(self.connect_timeout, self.open()).await;
        match opened.unwrap_or(Err(ConnectError::TimedOut)) {
            Ok((mut session, offer)) => {
                // Before turns are told of its tools: the first one should know all that is there.
                self.server.set_content(session.list_content(&self.server).await);
                self.on_connected(&session, offer);
                self.server.attempts.end(AttemptEnd::Connected);
                Some(session)
            }
            Err(error) => {
                self.handshake = self.handshake.after(&error, self.server.settings.revision);
                self.server.blame(Some(error.clone()));
                self.on_disconnected(Link::Down, &error.to_string());
                self.server.attempts.end(AttemptEnd::of(&error));
                // It may have waited in vain for the one that it replaces.
                self.boards.publish();
                None
            }
        }
    }

    async fn open(&self) -> Result<(Session, ServerTools), ConnectError> {
        let server = &self.server;
        let begin = |handshake| open(server, handshake);
        let mut session = match begin(self.handshake).await {
            // It says that it knows only the old lifecycle. That is an answer, not a failure.
            Err(ConnectError::Foreign) => {
                let choice = server.settings.revision;
                begin(self.handshake.after(&ConnectError::Foreign, choice)).await?
            }
            other => other?,
        };
        match session.list(server).await {
            Ok(offer) => Ok((session, offer)),
            Err(error) => Err(session.explain(&error)),
        }
    }

    /// Watches a session until its end.
    async fn watch(&self, mut session: Session) -> SessionEnd {
        let (mut listed, mut due, mut extent) = (Instant::now(), None, Extent::Tools);
        let (mode, why) = loop {
            match self.next_event(&mut session, due).await {
                SessionEvent::Stop => break (ShutdownMode::Polite, None),
                SessionEvent::Ended => {
                    let why = session.flood().map_or(ConnectError::Closed, ConnectError::Flooded);
                    break (ShutdownMode::AtOnce, Some(why));
                }
                SessionEvent::Changed => {
                    due = Some(sooner(due, (Instant::now() + GATHER).max(listed + REST)));
                    extent = Extent::All;
                    continue;
                }
                // Whether it lives must be known soon, however often it announces changes.
                SessionEvent::Doubt => {
                    due = Some(sooner(due, Instant::now() + GATHER));
                    continue;
                }
                SessionEvent::Due => due = None,
            }
            let check = self.check(&mut session, extent);
            let checked = self.stop.run_until_cancelled(check).await;
            extent = Extent::Tools;
            listed = Instant::now();
            if let Some(Err(error)) = checked {
                break (ShutdownMode::AtOnce, Some(error));
            }
        };
        let is_flooded = session.flood().is_some();
        let reason = why.as_ref().map(ToString::to_string);
        let reason = reason.unwrap_or_else(|| "we are shutting down".to_owned());
        self.server.blame(why);
        self.close(session, mode, &reason).await;
        if is_flooded { SessionEnd::Flooded } else { SessionEnd::Over }
    }

    async fn next_event(&self, session: &mut Session, due: Option<Instant>) -> SessionEvent {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => SessionEvent::Stop,
            // Before what the server says: that may have no end.
            () = reached(due) => SessionEvent::Due,
            happening = session.next() => match happening {
                Happening::Ended => SessionEvent::Ended,
                Happening::Changed => SessionEvent::Changed,
            },
            () = self.server.doubt.notified() => SessionEvent::Doubt,
            () = self.server.changed.notified() => SessionEvent::Changed,
            () = self.look_in() => SessionEvent::Doubt,
        }
    }

    /// The death of a child is seen immediately, that of a remote server only by a request.
    async fn look_in(&self) {
        if self.server.is_remote() {
            sleep(self.pace.look_in).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Lists the tools again, for changes and as a sign of life. A busy server may list slowly, so
    /// its time counts only while no call is running; each call has its own limit (ADR 1).
    async fn check(&self, session: &mut Session, extent: Extent) -> Result<(), ConnectError> {
        self.server.caller_sessions.tidy();
        let patience = CHECK_TIMEOUT.min(self.connect_timeout);
        let listed = tokio::select! {
            biased;
            listed = session.list(&self.server) => listed,
            () = self.server.in_flight.idle_for(patience) => return Err(ConnectError::TimedOut),
        };
        let offer = match listed {
            Ok(offer) => offer,
            // A server that refuses to list while it works is alive (ADR 1).
            Err(ServiceError::McpError(_)) if self.server.in_flight.is_any() => return Ok(()),
            Err(error) => {
                let error = session.explain(&error);
                // So is one that has too many requests (ADR 39).
                let is_busy = error == ConnectError::Status(TOO_MANY_REQUESTS);
                return if is_busy { Ok(()) } else { Err(error) };
            }
        };
        if self.server.set_connected(session, offer) {
            self.boards.publish();
        }
        // After the tools, which do not wait for it (ADR 45).
        if extent == Extent::All
            && self.server.set_content(session.list_content(&self.server).await)
        {
            self.boards.publish();
        }
        Ok(())
    }

    fn on_connected(&self, session: &Session, offer: ServerTools) {
        tracing::info!(
            mcp.server = %self.server.name(),
            mcp.protocol.version = session.version(),
            tools = offer.tools.len(),
            "Tool server connected"
        );
        self.server.set_connected(session, offer);
        self.boards.publish();
    }

    /// Logged only if it is new and we are not shutting down.
    fn on_disconnected(&self, to: Link, reason: &str) {
        self.server.caller_sessions.clear();
        let before = self.server.set_disconnected(to);
        if matches!(before, Link::Down) {
            return;
        }
        self.boards.publish();
        if !self.stop.is_cancelled() {
            tracing::warn!(mcp.server = %self.server.name(), reason, "Tool server is not available");
        }
    }

    /// `Untried`, because it is about to be tried again: turns that begin now wait for that.
    async fn close(&self, session: Session, mode: ShutdownMode, reason: &str) {
        self.on_disconnected(Link::Untried, reason);
        session.close(mode).await;
    }

    /// How long the breaker or the server's own pause holds calls back.
    fn held_back(&self) -> Duration {
        let seconds = self.server.guard.report().retry_in_seconds.unwrap_or_default();
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Grows with each failure and is at least as long as calls are held back. A turn that needs
    /// the server ends it early (ADR 1).
    async fn pause(&mut self) {
        let held_back = self.held_back();
        let wait = self.pauses.next().unwrap_or(self.pace.longest_pause).max(held_back);
        if wait > SOON {
            self.on_disconnected(Link::Down, "it keeps failing");
        }
        let now = Instant::now();
        self.server.attempts.pause_until(now + wait);
        let wanted = async {
            sleep_until(now + held_back.max(SOON)).await;
            // A child is not restarted because a turn wants it (ADR 1).
            if !self.server.may_be_back() {
                std::future::pending::<()>().await;
            }
            self.server.attempts.wanted().await;
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep_until(now + wait) => {}
            () = wanted => {}
            () = self.server.attempts.ordered() => {}
        }
    }
}

fn sooner(due: Option<Instant>, at: Instant) -> Instant {
    due.map_or(at, |due| due.min(at))
}

async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn pauses(guard: &GuardSettings, longest: Duration) -> ExponentialBackoff {
    let builder = ExponentialBuilder::new()
        .with_min_delay(guard.min_delay)
        .with_max_delay(longest)
        .without_max_times();
    if guard.jitter { builder.with_jitter().build() } else { builder.build() }
}
