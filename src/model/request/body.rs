//! The request as it is sent: only fields that Gemini accepts (ADR 2).

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::thinking::{Thinking, ThinkingFields, say};
use super::tool_declarations::ToolDeclarations;
use super::transcript;
use super::wire::{Recipient, RequestMessage};
use crate::provider_family::ProviderFamily;
use base::agents::{ModelRequest, SeenImage};

#[derive(Clone, Debug, Serialize)]
pub struct Body<'a> {
    model: &'a str,
    #[serde(skip)]
    family: ProviderFamily,
    messages: Vec<RequestMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    #[serde(skip)]
    images: SentImages,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(rename = "extra_body", skip_serializing_if = "Option::is_none")]
    google_only: Option<Value>,
}

/// The images of a request. They cost by the image and not by the byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentImages {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl SentImages {
    fn of(images: &[SeenImage], family: ProviderFamily) -> Self {
        let taken = images.iter().filter(|seen| family.takes_images_of(seen.image.kind()));
        let size = |seen: &SeenImage| Self { count: 1, bytes: seen.image.url().len() as u64 };
        taken.map(size).fold(Self::default(), |sum, one| Self {
            count: sum.count + one.count,
            bytes: sum.bytes + one.bytes,
        })
    }
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
            images: SentImages::of(request.images, recipient.family),
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

    pub(crate) const fn images(&self) -> SentImages {
        self.images
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
