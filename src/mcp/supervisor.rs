//! Keeps one server connected: starts, watches, doubts, parts and starts again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::child::Parting;
use super::connect::{Opening, open};
use super::connect_error::ConnectError;
use super::listing::Offer;
use super::server::{Link, Server};
use super::session::{Happening, Session};
use super::{Settings, Transport};
use crate::domain::BreakerState;
use crate::resilience::{GuardSettings, Permit};

/// The longest that a server in doubt may take to list its tools while it has nothing else to do.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is not tried again within this time is not waited for.
const SOON: Duration = Duration::from_secs(1);
/// Changes of the tools within this time are read together.
const GATHER: Duration = Duration::from_millis(50);

/// Keeps one server connected.
pub(super) struct Supervisor {
    server: Arc<Server>,
    board: Arc<Board>,
    stop: CancellationToken,
    connect_timeout: Duration,
    guard: GuardSettings,
    opening: Opening,
    pauses: ExponentialBackoff,
}

/// What happened to an open session.
enum Event {
    Stop,
    Ended,
    Doubt,
}

impl Supervisor {
    /// A supervisor that has not begun.
    pub(super) fn new(
        server: Arc<Server>,
        board: Arc<Board>,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Self {
        let (connect_timeout, guard) = (settings.connect_timeout, settings.guard);
        let (opening, pauses) = (Opening::Ask, pauses(&guard));
        Self { server, board, stop, connect_timeout, guard, opening, pauses }
    }

    /// Works until it is told to stop; leaves no child behind.
    pub(super) async fn run(mut self) {
        while let Some(session) = self.connect().await {
            let opened = Instant::now();
            self.attend(session).await;
            if opened.elapsed() > self.guard.breaker.cool_down {
                self.pauses = pauses(&self.guard);
            }
            self.pause().await;
        }
        self.fall(Link::Down, "we are shutting down");
    }

    /// Tries until it succeeds; `None` when told to stop.
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

    /// One attempt, if the guard allows one; a failure counts for the breaker.
    async fn try_connect(&mut self) -> Option<Session> {
        let permit = self.server.guard.admit().ok()?;
        let opened = timeout(self.connect_timeout, self.open()).await;
        match opened.unwrap_or(Err(ConnectError::TimedOut)) {
            Ok((session, offer)) => {
                self.rise(&session, offer, permit);
                Some(session)
            }
            Err(error) => {
                permit.fail();
                self.opening = self.opening.after(&error);
                self.fall(Link::Down, &error.to_string());
                None
            }
        }
    }

    async fn open(&self) -> Result<(Session, Offer), ConnectError> {
        let server = &self.server;
        let begin = |opening| open(server.name(), &server.settings, opening, server.listener());
        let mut session = match begin(self.opening).await {
            // It says plainly that it is older, so this is no failure.
            Err(ConnectError::Foreign) => begin(self.opening.after(&ConnectError::Foreign)).await?,
            other => other?,
        };
        let offer = session.list(server).await.map_err(|error| ConnectError::from(&error))?;
        Ok((session, offer))
    }

    /// Stays with a session until it is over.
    async fn attend(&self, mut session: Session) {
        loop {
            match self.next_event(&mut session).await {
                Event::Stop => {
                    return self.part(session, Parting::Polite, "we are shutting down").await;
                }
                Event::Ended => return self.part(session, Parting::AtOnce, "it went away").await,
                Event::Doubt => {}
            }
            let checked = self.stop.run_until_cancelled(self.check(&mut session)).await;
            if let Some(Err(error)) = checked {
                return self.part(session, Parting::AtOnce, &error.to_string()).await;
            }
        }
    }

    async fn next_event(&self, session: &mut Session) -> Event {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Event::Stop,
            happening = session.next() => match happening {
                Happening::Ended => Event::Ended,
                Happening::Changed => Event::Doubt,
            },
            () = self.server.doubt.notified() => Event::Doubt,
            () = self.look_in() => Event::Doubt,
        }
    }

    /// The death of a child shows at once, that of a far server only when it is asked.
    async fn look_in(&self) {
        match self.server.settings.transport {
            Transport::Child { .. } => std::future::pending().await,
            Transport::Http { .. } => sleep(self.guard.breaker.cool_down).await,
        }
    }

    /// Lists the tools again: a change is taken over, and a server that is silent is as good as
    /// gone. One at work may be slow to list, so its time counts only while no call is in flight;
    /// each call has a limit of its own.
    async fn check(&self, session: &mut Session) -> Result<(), ConnectError> {
        sleep(GATHER).await;
        let patience = CHECK_TIMEOUT.min(self.connect_timeout);
        let listed = tokio::select! {
            biased;
            listed = session.list(&self.server) => listed,
            () = self.server.in_flight.idle_for(patience) => return Err(ConnectError::TimedOut),
        };
        let offer = listed.map_err(|error| ConnectError::from(&error))?;
        self.server.rise(session.peer().clone(), offer, session.version());
        self.board.publish();
        Ok(())
    }

    /// Connecting only closes a breaker that was open: if it also forgave failed
    /// calls, a server that dies of every call would never be left alone.
    fn rise(&self, session: &Session, offer: Offer, permit: Permit) {
        if self.server.guard.report().state != BreakerState::Closed {
            self.server.guard.succeed(permit);
        }
        tracing::info!(
            mcp.server = %self.server.name(),
            mcp.protocol.version = session.version(),
            tools = offer.tools.len(),
            "Tool server connected"
        );
        self.server.rise(session.peer().clone(), offer, session.version());
        self.board.publish();
    }

    /// Said aloud only when it is new and nobody wanted it.
    fn fall(&self, to: Link, reason: &str) {
        let before = self.server.fall(to);
        if matches!(before, Link::Down) {
            return;
        }
        self.board.publish();
        if !self.stop.is_cancelled() {
            tracing::warn!(mcp.server = %self.server.name(), reason, "Tool server is not available");
        }
    }

    /// It is about to be tried again; turns that begin meanwhile wait for that.
    async fn part(&self, session: Session, parting: Parting, reason: &str) {
        self.fall(Link::Untried, reason);
        session.close(parting).await;
    }

    /// Grows with each failure, and is never shorter than the breaker's own pause.
    async fn pause(&mut self) {
        let own = self.pauses.next().unwrap_or(self.guard.breaker.cool_down);
        let wait = self.server.guard.report().retry_in_seconds.unwrap_or_default();
        let wait = own.max(Duration::try_from_secs_f64(wait).unwrap_or_default());
        if wait > SOON {
            self.fall(Link::Down, "it keeps failing");
        }
        self.stop.run_until_cancelled(sleep(wait)).await;
    }
}

fn pauses(guard: &GuardSettings) -> ExponentialBackoff {
    let builder = ExponentialBuilder::new()
        .with_min_delay(guard.min_delay)
        .with_max_delay(guard.breaker.cool_down)
        .without_max_times();
    if guard.jitter { builder.with_jitter().build() } else { builder.build() }
}
