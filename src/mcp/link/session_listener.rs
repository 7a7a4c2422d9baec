//! Our side of a session: what a server may send us. No sampling, roots or elicitation (ADR 1).

#![expect(deprecated, reason = "servers of the older era still send log messages")]

use std::sync::Arc;

use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient};
use tokio::sync::Notify;

use super::super::call::calling::ProgressListeners;
use base::domain::{clean, shorten};

const MAX_TEXT_CHARS: usize = 200;

/// Receives changes of tools, resources and prompts, progress of calls and log messages; declines everything else.
#[derive(Debug)]
pub(crate) struct SessionListener {
    pub(crate) server: Arc<str>,
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

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    /// It may contain text of users, like what a child writes to stderr (ADR 1).
    async fn on_logging_message(
        &self,
        told: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let (server, text) = (&*self.server, told.data.to_string());
        let (level, bytes) = (told.level, text.len());
        tracing::debug!(mcp.server = server, ?level, bytes, "A tool server sent a log message");
        let text = shorten(&clean(&text), MAX_TEXT_CHARS);
        tracing::trace!(mcp.server = server, text, "What it says");
    }

    async fn on_progress(
        &self,
        news: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.progress_listeners.report(news);
    }
}
