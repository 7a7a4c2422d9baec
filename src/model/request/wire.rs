//! The conversation as it is sent, and to whom.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::Assistant;
use crate::model::extra::Extra;
use crate::model::provider_family::ProviderFamily;

/// Whom a request is written for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The model's name at the provider.
    pub model: &'a str,
    /// Who it is, whatever it is called here: extras of other providers are left out.
    pub provider: &'a str,
    /// What a fallback is called: older messages are stamped with that, or with nothing.
    pub name: Option<&'a str>,
    /// What the server takes.
    pub family: ProviderFamily,
}

impl Recipient<'_> {
    /// Whether a message, and so what is attached to it, is its own.
    ///
    /// Messages of older versions bear the name of a fallback, or none, which may have meant another
    /// server since. Only Google's family takes what it did not attach itself.
    pub(in crate::model) fn has_said(&self, message: &Assistant) -> bool {
        let by = message.by.as_deref();
        by == Some(self.provider) || (by == self.name && self.family == ProviderFamily::Gemini)
    }
}

/// One entry of the conversation.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(in crate::model) enum RequestMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: Cow<'a, str>,
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
        content: &'a str,
    },
}

/// A call that the model made.
#[derive(Clone, Debug, Serialize)]
pub(in crate::model) struct Called<'a> {
    pub(in crate::model) id: &'a str,
    #[serde(rename = "type")]
    pub(in crate::model) kind: ToolKind,
    pub(in crate::model) function: CalledFunction<'a>,
    #[serde(flatten)]
    pub(in crate::model) extra: Extra<'a>,
}

#[derive(Clone, Debug, Serialize)]
pub(in crate::model) struct CalledFunction<'a> {
    pub(in crate::model) name: Cow<'a, str>,
    pub(in crate::model) arguments: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::model) enum ToolKind {
    Function,
}
