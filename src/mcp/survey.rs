//! What the servers are and offer at one moment, for operators (ADR 40).

use std::sync::Arc;

use super::call::server::Server;
use super::content::offered::content_of;
use super::tools::board::{UnusedServer, shown_name};
use base::domain::{ContentList, Dependency, Detail, Tool, ToolPin, Trust};

/// One server.
#[derive(Clone, Debug)]
pub struct ServerSurvey {
    pub name: String,
    pub connected: bool,
    pub protocol_version: Option<String>,
    /// What the operator must change before it can be connected.
    pub advice: Option<String>,
    /// Why it is not connected, if that is known.
    pub reason: Option<String>,
    /// None if it is not used.
    pub trust: Option<Trust>,
    pub tools: Vec<ToolSurvey>,
    /// Tools that the operator keeps out, or the first of them.
    pub filtered: Vec<String>,
    /// Tools that cannot be offered, or the first of them.
    pub left_out: Vec<String>,
    /// What it has besides tools.
    pub content: Arc<ContentList>,
}

/// A tool under the name that the model sees, whatever its pin is.
#[derive(Clone, Debug)]
pub struct ToolSurvey {
    pub tool: Tool,
    /// How it is defined now.
    pub pin: ToolPin,
}

impl ServerSurvey {
    pub(crate) fn of(server: &Server, report: Dependency, are_several: bool) -> Self {
        let status = server.status();
        let content = content_of(&server.settings, server, &status);
        let offer = status.offer;
        let named = |tool: &Tool| {
            let name = shown_name(server.name(), &tool.name, are_several);
            Tool { name, ..tool.clone() }
        };
        let tools = offer.tools.iter().zip(&offer.pins);
        let tools = tools.map(|(tool, pin)| ToolSurvey { tool: named(tool), pin: pin.clone() });
        Self {
            trust: Some(server.settings.trust),
            tools: tools.collect(),
            filtered: offer.filtered.listed(),
            content: content.map(|it| it.listed).unwrap_or_default(),
            ..Self::reported(server.name(), report)
        }
    }

    pub(crate) fn unused(server: &UnusedServer) -> Self {
        Self::reported(&server.name, server.report())
    }

    fn reported(name: &str, report: Dependency) -> Self {
        let mut survey = Self {
            name: name.to_owned(),
            connected: false,
            protocol_version: None,
            advice: None,
            reason: None,
            trust: None,
            tools: Vec::new(),
            filtered: Vec::new(),
            left_out: Vec::new(),
            content: Arc::default(),
        };
        if let Detail::Mcp { connected, protocol_version, advice, reason, left_out, .. } =
            report.detail
        {
            survey = Self { connected, protocol_version, advice, reason, left_out, ..survey };
        }
        survey
    }
}
