//! The request as it is sent: only fields that Gemini accepts (ADR 2).

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::thinking::{Thinking, ThinkingFields, say};
use super::tool_declarations::ToolDeclarations;
use super::transcript;
use super::wire::{Recipient, RequestMessage};
use crate::provider_family::ProviderFamily;
use base::agents::ModelRequest;

#[derive(Clone, Debug, Serialize)]
pub struct Body<'a> {
    model: &'a str,
    #[serde(skip)]
    family: ProviderFamily,
    messages: Vec<RequestMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(rename = "extra_body", skip_serializing_if = "Option::is_none")]
    google_only: Option<Value>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> Body<'a> {
    /// `tools` must be those of the request.
    pub fn new(
        recipient: Recipient<'a>,
        request: &ModelRequest<'a>,
        tools: &'a ToolDeclarations,
    ) -> Self {
        Self {
            model: recipient.model,
            family: recipient.family,
            messages: transcript::messages(recipient, request, tools.names()),
            tools: tools.declarations(),
            stream: true,
            // Without it there are no counters, and so no known cost (ADR 16).
            stream_options: StreamOptions { include_usage: true },
            reasoning_effort: None,
            google_only: None,
        }
    }

    /// The same request, with a note that the model's last call could not be read.
    pub(crate) fn corrected(&self) -> Self {
        let mut corrected = self.clone();
        transcript::correct(&mut corrected.messages);
        corrected
    }

    /// Sets how much the model may think. On the wire Google's key really is `extra_body`.
    #[must_use]
    pub fn thinking(self, thinking: Thinking) -> Self {
        match say(self.family, self.model, thinking) {
            ThinkingFields::Nothing => self,
            ThinkingFields::Google(part) => Self { google_only: Some(part), ..self },
            ThinkingFields::Effort(effort) => Self { reasoning_effort: Some(effort), ..self },
        }
    }
}
