//! An open session: its lists, its notifications, its end.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use rmcp::model::SubscriptionFilter;
use rmcp::service::{
    ClientCacheConfig, RunningService, RunningServiceCancellationToken, Subscription,
};
use rmcp::{Peer, RoleClient, ServiceError};
use tokio::time::{Instant, timeout};

use super::super::call::calling::ProgressListeners;
use super::super::call::server::Server;
use super::super::content::listing::list_content;
use super::super::error::{ConnectError, Flood};
use super::super::tools::server_tools::{ServerTools, instructions, list_tools};
use super::child::{Child, ShutdownMode};
use super::intake::meter::Meter;
use super::session_listener::SessionListener;
use base::domain::ContentList;

/// How long closing a session may take: a hung server must not delay the shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a server may take to accept our subscription.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(2);
const LISTEN_AGAIN: Duration = Duration::from_secs(5);
/// How long a server may take to list its resources and prompts. Its tools wait for that only at the
/// first time (ADR 45).
const CONTENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Dropping it ends it without waiting.
pub(crate) struct Session {
    peer: Peer<RoleClient>,
    progress_listeners: Arc<ProgressListeners>,
    close: RunningServiceCancellationToken,
    ended: Shared<BoxFuture<'static, ()>>,
    child: Option<Child>,
    news: Option<Subscription>,
    meter: Arc<Meter>,
    /// When we last tried to subscribe.
    listening_since: Option<Instant>,
    /// Whether its resources or prompts were listed in vain: they are not asked for again.
    hangs_at_content: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The connection or the child ended.
    Ended,
    /// What it offers changed, or the subscription ended: both mean listing it again.
    Changed,
}

impl Session {
    pub(crate) fn new(
        running: RunningService<RoleClient, SessionListener>,
        child: Option<Child>,
        meter: Arc<Meter>,
    ) -> Self {
        let (peer, close) = (running.peer().clone(), running.cancellation_token());
        let progress_listeners = Arc::clone(&running.service().progress_listeners);
        // `is_closed` stays false when the peer dies; only `waiting` ends (ADR 1). It consumes the
        // service, so the peer is cloned before.
        let ended = running.waiting().map(drop).boxed().shared();
        Self {
            peer,
            progress_listeners,
            close,
            ended,
            child,
            news: None,
            meter,
            listening_since: None,
            hangs_at_content: false,
        }
    }

    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Who hears what the server says to its calls.
    pub(crate) fn progress_listeners(&self) -> &Arc<ProgressListeners> {
        &self.progress_listeners
    }

    /// The protocol revision.
    pub(crate) fn version(&self) -> Option<String> {
        self.peer.peer_info().map(|info| info.protocol_version.as_str().to_owned())
    }

    /// Subscribes to changes if needed, and lists the tools after that, so that no change is
    /// missed.
    pub(crate) async fn list(&mut self, server: &Server) -> Result<ServerTools, ServiceError> {
        // rmcp caches lists for as long as the server allows. A cached list would hide that the
        // server is gone.
        self.peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
        if self.needs_subscription() {
            self.listen().await;
        }
        let mut offer = match list_tools(&self.peer, server.name(), &server.settings).await {
            // A server with only prompts or resources may refuse; it is connected and has no tools
            // (ADR 1).
            Err(ServiceError::McpError(_)) if !self.has_tools() => ServerTools::default(),
            other => other?,
        };
        let told = self.peer.peer_info();
        offer.instructions = instructions(told.as_ref().and_then(|it| it.instructions.as_deref()));
        Ok(offer)
    }

    /// Lists its resources and prompts, as far as they can be listed now. Never a reason to end the
    /// session (ADR 45).
    pub(crate) async fn list_content(&mut self, server: &Server) -> ContentList {
        let known = server.status().content;
        let told = self.peer.peer_info().filter(|_| !self.hangs_at_content);
        let Some(told) = told else { return ContentList::clone(&known) };
        let wanted = (&told.capabilities, server.settings.content);
        let until = Instant::now() + CONTENT_TIMEOUT;
        let (listed, hangs) = Box::pin(list_content(&self.peer, wanted, &known, until)).await;
        self.hangs_at_content = hangs;
        listed
    }

    fn has_tools(&self) -> bool {
        self.peer.peer_info().is_some_and(|info| info.capabilities.tools.is_some())
    }

    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(crate) async fn next(&mut self) -> Happening {
        let Self { ended, child, news, meter, .. } = self;
        tokio::select! {
            biased;
            () = meter.flooded() => Happening::Ended,
            () = ended.clone() => Happening::Ended,
            () = exited(child) => Happening::Ended,
            () = changed(news) => Happening::Changed,
        }
    }

    /// Why it must end, if the server sent more than it may (ADR 39).
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.meter.why()
    }

    /// What an error in it means.
    pub(crate) fn explain(&self, error: &ServiceError) -> ConnectError {
        self.flood().map_or_else(|| error.into(), ConnectError::Flooded)
    }

    /// Ends it within a few seconds.
    pub(crate) async fn close(self, mode: ShutdownMode) {
        let Self { close, ended, child, news, peer, .. } = self;
        // First all handles, then the session, then the child: its input must be closed before
        // `Child::end`, and the session holds it.
        drop((news, peer));
        close.cancel();
        if timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            tracing::debug!("A session did not close in time");
        }
        if let Some(child) = child {
            child.end(mode).await;
        }
    }

    /// A failed subscription is no fault: the server still answers calls.
    async fn listen(&mut self) {
        self.listening_since = Some(Instant::now());
        let filter = SubscriptionFilter::builder()
            .tools_list_changed()
            .resources_list_changed()
            .prompts_list_changed()
            .build();
        let listening = timeout(LISTEN_TIMEOUT, self.peer.listen(filter)).await;
        self.news = listening.ok().and_then(Result::ok);
    }

    /// Only the new era needs a subscription; the old one sends changes unasked. A server that
    /// keeps ending the subscription is asked every 5 s at most.
    fn needs_subscription(&self) -> bool {
        let due = self.listening_since.is_none_or(|since| since.elapsed() > LISTEN_AGAIN);
        let tells = self.peer.peer_info().is_some_and(|info| {
            let told = &info.capabilities;
            let changes = [
                told.tools.as_ref().and_then(|it| it.list_changed),
                told.resources.as_ref().and_then(|it| it.list_changed),
                told.prompts.as_ref().and_then(|it| it.list_changed),
            ];
            !info.protocol_version.has_initialize() && changes.contains(&Some(true))
        });
        self.news.is_none() && due && tells
    }
}

async fn exited(child: &mut Option<Child>) {
    match child {
        Some(child) => child.exited().await,
        None => std::future::pending().await,
    }
}

async fn changed(news: &mut Option<Subscription>) {
    let Some(subscription) = news else { return std::future::pending().await };
    if !matches!(subscription.next().await, Ok(Some(_))) {
        *news = None;
    }
}
