//! What is asked of a server: a call of a tool, a resource or a prompt, and what it answers.

use std::sync::Arc;

use rmcp::ServiceError;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, GetPromptRequest,
    GetPromptRequestParams, ReadResourceRequest, ReadResourceRequestParams, RequestMetaObject,
    ServerResult,
};
use serde_json::{Map, Value};

use super::fault::CallFault;
use super::result::{read_contents, read_messages, read_result};
use base::domain::{BuiltInTool, ToolId, ToolOrigin, ToolOutput};

/// Only calls of tools wait for a person (ADR 44).
const ASKS_FIRST: &str =
    "the server asks the person before it gives this, which is possible in calls of tools alone";

#[derive(Clone, Debug)]
pub(crate) enum CallTarget<'a> {
    Tool { tool: &'a ToolId, arguments: Map<String, Value> },
    Resource { uri: &'a str },
    Prompt { name: &'a str, arguments: Map<String, Value> },
}

impl CallTarget<'_> {
    /// The request, with what is said beside the arguments.
    pub(super) fn request(&self, meta: Option<RequestMetaObject>) -> ClientRequest {
        match self {
            Self::Tool { tool, arguments } => {
                let mut params = CallToolRequestParams::new(tool.tool.to_string())
                    .with_arguments(arguments.clone());
                params.meta = meta;
                ClientRequest::CallToolRequest(CallToolRequest::new(params))
            }
            Self::Resource { uri } => {
                let mut params = ReadResourceRequestParams::new(*uri);
                params.meta = meta;
                ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
            }
            Self::Prompt { name, arguments } => {
                let mut params = GetPromptRequestParams::new(*name);
                params.meta = meta;
                // A server without arguments may refuse an empty object.
                params.arguments = (!arguments.is_empty()).then(|| arguments.clone());
                ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
            }
        }
    }

    /// What it becomes for us. Its words are those of `server`.
    pub(super) fn answer(
        &self,
        server: &Arc<str>,
        answer: ServerResult,
    ) -> Result<ToolOutput, CallFault> {
        let read_by = |tool: BuiltInTool| {
            ToolOrigin::Server(ToolId { server: Arc::clone(server), tool: tool.name().into() })
        };
        match (self, answer) {
            (_, ServerResult::InputRequiredResult(_)) => Err(CallFault::refused(ASKS_FIRST)),
            (Self::Tool { tool, .. }, ServerResult::CallToolResult(result)) => {
                read_result(result, ToolOrigin::Server((*tool).clone()))
            }
            (Self::Resource { .. }, ServerResult::ReadResourceResult(result)) => {
                Ok(read_contents(&result, read_by(BuiltInTool::ReadResource)))
            }
            (Self::Prompt { .. }, ServerResult::GetPromptResult(result)) => {
                Ok(read_messages(&result, read_by(BuiltInTool::ReadPrompt)))
            }
            _ => Err(ServiceError::UnexpectedResponse.into()),
        }
    }
}
