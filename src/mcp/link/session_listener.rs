//! Our side of a session: what a server may send us. No sampling, roots or elicitation (ADR 1).

use std::sync::Arc;

use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient};
use tokio::sync::Notify;

use super::super::call::calling::ProgressListeners;

/// Receives changes of tools and progress of calls; declines everything else.
#[derive(Debug)]
pub(crate) struct SessionListener {
    pub(crate) changed: Arc<Notify>,
    pub(crate) progress_listeners: Arc<ProgressListeners>,
}

impl ClientHandler for SessionListener {
    fn get_info(&self) -> ClientConfig {
        let me = Implementation::new("orchestrator", env!("CARGO_PKG_VERSION"));
        // Only `initialize` reads this revision, so it must be the last that has an `initialize`
        // (ADR 1).
        ClientConfig::new(ClientCapabilities::default(), me)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn on_progress(
        &self,
        news: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.progress_listeners.report(news);
    }
}
