//! Our side of a session: what a server may send us. No sampling, and no roots (ADR 1).

#![expect(deprecated, reason = "servers of the older era still send log messages")]

use std::sync::Arc;

use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, FormElicitationCapability, Implementation,
    LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{InboundStreamOrigin, NotificationContext, RequestContext};
use rmcp::{ClientHandler, ErrorData, RoleClient};
use tokio::sync::Notify;

use super::super::call::calling::ProgressListeners;
use base::domain::{clean, shorten};

const MAX_TEXT_CHARS: usize = 200;

/// Receives changes of tools, resources and prompts, progress and questions of calls, and log messages;
/// declines everything else.
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
        // Questions in a form, and no links (ADR 44).
        let form = ElicitationCapability::new().with_form(FormElicitationCapability::new());
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(form);
        ClientConfig::new(capabilities, me)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    /// Becomes a question in a form of the turn (ADR 44).
    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let origin = context.extensions.get::<InboundStreamOrigin>();
        tokio::select! {
            answer = self.progress_listeners.ask(origin, params) => {
                Ok(answer.unwrap_or_else(|| ElicitResult::new(ElicitationAction::Decline)))
            }
            // The server has taken it back.
            () = context.ct.cancelled() => Ok(ElicitResult::new(ElicitationAction::Cancel)),
        }
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
