//! An open session: its tools, its news, its end.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use rmcp::model::SubscriptionFilter;
use rmcp::service::{
    ClientCacheConfig, RunningService, RunningServiceCancellationToken, Subscription,
};
use rmcp::{Peer, RoleClient, ServiceError};
use tokio::time::{Instant, timeout};

use super::super::call::server::Server;
use super::super::tools::server_tools::{ServerTools, list_tools};
use super::child::{Child, ShutdownMode};
use super::session_listener::SessionListener;

/// How long saying goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a server may take to accept that we listen for news.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(2);
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// An open session. Dropping it ends it without waiting.
pub(in crate::mcp) struct Session {
    peer: Peer<RoleClient>,
    close: RunningServiceCancellationToken,
    ended: Shared<BoxFuture<'static, ()>>,
    child: Option<Child>,
    news: Option<Subscription>,
    /// When we last began to listen for news.
    listening_since: Option<Instant>,
}

/// What can happen to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mcp) enum Happening {
    /// The server is gone, as far as that can be seen from here.
    Ended,
    /// The tools changed, or there will be no more word of that.
    Changed,
}

impl Session {
    /// Wraps a service that has shaken hands, and the child that runs it.
    pub(in crate::mcp) fn new(
        running: RunningService<RoleClient, SessionListener>,
        child: Option<Child>,
    ) -> Self {
        let (peer, close) = (running.peer().clone(), running.cancellation_token());
        let ended = running.waiting().map(drop).boxed().shared();
        Self { peer, close, ended, child, news: None, listening_since: None }
    }

    /// Where requests go.
    pub(in crate::mcp) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// The revision spoken.
    pub(in crate::mcp) fn version(&self) -> Option<String> {
        self.peer.peer_info().map(|info| info.protocol_version.as_str().to_owned())
    }

    /// Listens for changes, if need be, and then asks for the tools, so that no change is missed.
    pub(in crate::mcp) async fn list(
        &mut self,
        server: &Server,
    ) -> Result<ServerTools, ServiceError> {
        // A cached or stale list would hide that the server is gone.
        self.peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
        if self.needs_subscription() {
            self.listen().await;
        }
        match list_tools(&self.peer, server.name(), server.settings.trust).await {
            // A server of nothing but prompts or resources is none the worse for it.
            Err(ServiceError::McpError(_)) if !self.has_tools() => Ok(ServerTools::default()),
            other => other,
        }
    }

    fn has_tools(&self) -> bool {
        self.peer.peer_info().is_some_and(|info| info.capabilities.tools.is_some())
    }

    /// Waits until something happens to it.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(in crate::mcp) async fn next(&mut self) -> Happening {
        let Self { ended, child, news, .. } = self;
        tokio::select! {
            biased;
            () = ended.clone() => Happening::Ended,
            () = exited(child) => Happening::Ended,
            () = changed(news) => Happening::Changed,
        }
    }

    /// Ends it; takes a few seconds at most.
    pub(in crate::mcp) async fn close(self, mode: ShutdownMode) {
        let Self { close, ended, child, news, peer, .. } = self;
        drop((news, peer));
        close.cancel();
        if timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            tracing::debug!("A session did not close in time");
        }
        if let Some(child) = child {
            child.end(mode).await;
        }
    }

    /// A server that tells no news is still of use.
    async fn listen(&mut self) {
        self.listening_since = Some(Instant::now());
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let listening = timeout(LISTEN_TIMEOUT, self.peer.listen(filter)).await;
        self.news = listening.ok().and_then(Result::ok);
    }

    /// Sessions of the older era are told without asking; one that keeps hanging up is let be.
    fn needs_subscription(&self) -> bool {
        let due = self.listening_since.is_none_or(|since| since.elapsed() > LISTEN_AGAIN);
        let tells = self.peer.peer_info().is_some_and(|info| {
            let tools = info.capabilities.tools.as_ref();
            !info.protocol_version.has_initialize()
                && tools.is_some_and(|tools| tools.list_changed == Some(true))
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
