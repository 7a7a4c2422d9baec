//! The messages of a request as JSON, and the recipient they are written for.

use std::borrow::Cow;

use serde::Serialize;

use crate::extra::Extra;
use crate::provider_family::ProviderFamily;
use base::domain::Assistant;

#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    pub model: &'a str,
    /// Dialect and host. Extras of other providers are left out (ADR 15).
    pub provider: &'a str,
    /// A fallback's name: messages of earlier releases are marked with that, or with nothing.
    pub name: Option<&'a str>,
    pub family: ProviderFamily,
}

impl Recipient<'_> {
    /// Whether this provider wrote a message and its extras.
    ///
    /// Messages of earlier releases have a fallback's name or none, which may mean another server
    /// now. Only Google's family accepts extras that it did not attach (ADR 15).
    pub(crate) fn has_said(&self, message: &Assistant) -> bool {
        let by = message.by.as_deref();
        by == Some(self.provider) || (by == self.name && self.family == ProviderFamily::Gemini)
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(crate) enum RequestMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: UserContent<'a>,
    },
    Assistant {
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Called<'a>>,
        #[serde(flatten)]
        extra: Extra<'a>,
    },
    Tool {
        tool_call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
        content: Cow<'a, str>,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum UserContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ImageUrl<'a> {
    pub(crate) url: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Called<'a> {
    pub(crate) id: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: ToolKind,
    pub(crate) function: CalledFunction<'a>,
    #[serde(flatten)]
    pub(crate) extra: Extra<'a>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CalledFunction<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) arguments: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolKind {
    Function,
}
