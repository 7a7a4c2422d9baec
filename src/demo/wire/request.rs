//! Requests, read leniently. Strictness is the emulator's.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::reply::Thoughts;
use super::sse::Form;
use crate::conversation::{Call, Conversation, Said, ToolSpec};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChatRequest {
    #[serde(default)]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) tools: Option<Vec<ChatTool>>,
    pub(crate) stream: Option<bool>,
    pub(crate) stream_options: Option<StreamOptions>,
    pub(crate) reasoning_effort: Option<String>,
    pub(crate) extra_body: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChatMessage {
    #[serde(default)]
    pub(crate) role: String,
    pub(crate) content: Option<Content>,
    pub(crate) tool_calls: Option<Vec<WireCall>>,
    pub(crate) tool_call_id: Option<String>,
    pub(crate) name: Option<String>,
}

/// Text, as a string or in parts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// Text, or an image.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) image_url: Option<ImageUrl>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ImageUrl {
    #[serde(default)]
    pub(crate) url: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WireCall {
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) function: WireFunction,
    #[serde(default)]
    pub(crate) extra_content: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WireFunction {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChatTool {
    pub(crate) function: ToolFunction,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToolFunction {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) parameters: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: bool,
}

/// How the agent's notes within user messages begin. The user did not write them.
const NOTE: &str = "[note from the system: ";

/// How the agent's mark before the result of a tool server begins.
const MARKED: &str = "[result of the tool server ";

/// The text before the time in the agent's system prompt.
const CLOCK: &str = "It is now ";

impl ChatRequest {
    pub(crate) fn form(&self) -> Form {
        if self.streams() { Form::Events } else { Form::Whole }
    }

    /// Whether the answer includes usage: a stream only on request.
    pub(crate) fn bills(&self) -> bool {
        !self.streams() || self.wants_usage()
    }

    pub(crate) fn thoughts(&self) -> Thoughts {
        if self.wants_thoughts() { Thoughts::Shown } else { Thoughts::Hidden }
    }

    pub(crate) fn tools(&self) -> &[ChatTool] {
        self.tools.as_deref().unwrap_or_default()
    }

    pub(crate) fn last_user_text(&self) -> String {
        let last = self.messages.iter().rfind(|message| message.is_of_user());
        last.map(ChatMessage::text).unwrap_or_default()
    }

    /// Whether the last message is the user's.
    pub(crate) fn ends_with_user(&self) -> bool {
        self.messages.last().is_some_and(ChatMessage::is_of_user)
    }

    /// The messages after the last one of the user.
    pub(crate) fn current_turn(&self) -> impl Iterator<Item = (usize, &ChatMessage)> {
        let start = self.messages.iter().rposition(ChatMessage::is_of_user);
        self.messages.iter().enumerate().skip(start.map_or(0, |index| index + 1))
    }

    /// The same, independent of the wire format.
    pub(crate) fn conversation(&self) -> Conversation {
        Conversation {
            now: self.clock().unwrap_or_else(Zoned::now),
            said: self.messages.iter().flat_map(ChatMessage::said).collect(),
            tools: self.tools().iter().map(ChatTool::spec).collect(),
        }
    }

    fn streams(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    fn wants_thoughts(&self) -> bool {
        let path = "/google/thinking_config/include_thoughts";
        let asked = self.extra_body.as_ref().and_then(|body| body.pointer(path));
        asked.and_then(Value::as_bool).unwrap_or(false)
    }

    fn clock(&self) -> Option<Zoned> {
        let system = self.messages.iter().filter(|message| message.is_system());
        system.rev().find_map(|message| clock_in(&message.text()))
    }
}

impl ChatMessage {
    pub(crate) fn is_system(&self) -> bool {
        matches!(self.role.as_str(), "system" | "developer")
    }

    pub(crate) fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().map(|part| part.text.as_str()).collect(),
        }
    }

    /// The addresses of its images.
    pub(crate) fn images(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.content {
            Some(Content::Parts(parts)) => parts.as_slice(),
            Some(Content::Text(_)) | None => &[],
        };
        parts.iter().filter_map(|part| part.image_url.as_ref()).map(|image| image.url.as_str())
    }

    /// Whether the user wrote it. The agent sends images of tools in a message of this role.
    fn is_of_user(&self) -> bool {
        self.role == "user" && self.images().next().is_none()
    }

    pub(crate) fn calls(&self) -> &[WireCall] {
        self.tool_calls.as_deref().unwrap_or_default()
    }

    fn said(&self) -> Vec<Said> {
        match self.role.as_str() {
            "user" if self.is_of_user() => {
                sayings(&self.text()).into_iter().map(Said::User).collect()
            }
            "user" => self.images().map(seen).collect(),
            "assistant" => vec![Said::Assistant {
                text: self.text(),
                calls: self.calls().iter().map(WireCall::call).collect(),
            }],
            "tool" => vec![Said::Tool {
                call_id: self.tool_call_id.clone().unwrap_or_default(),
                output: unmarked(&self.text()).to_owned(),
            }],
            _ => Vec::new(),
        }
    }
}

impl WireCall {
    pub(crate) fn signature(&self) -> Option<&str> {
        self.extra_content.pointer("/google/thought_signature").and_then(Value::as_str)
    }

    fn call(&self) -> Call {
        let arguments = serde_json::from_str::<Map<String, Value>>(&self.function.arguments);
        Call {
            id: self.id.clone(),
            name: self.function.name.clone(),
            arguments: arguments.unwrap_or_default(),
        }
    }
}

impl ChatTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.function.name.clone(),
            description: self.function.description.clone(),
            parameters: self.function.parameters.clone(),
        }
    }
}

/// An image, as if a tool had told what it is.
fn seen(url: &str) -> Said {
    let (kind, bytes) =
        url.strip_prefix("data:").and_then(|it| it.split_once(";base64,")).unwrap_or_default();
    Said::Tool {
        call_id: String::new(),
        output: format!("[sees {kind}, {} bytes]", bytes.len() / 4 * 3),
    }
}

/// The messages of the user in one text: the agent joins them, with its notes between.
fn sayings(text: &str) -> Vec<String> {
    if !text.contains(NOTE) {
        return vec![text.to_owned()];
    }
    let paragraphs: Vec<_> = text.split("\n\n").collect();
    let said = paragraphs.split(|one| one.starts_with(NOTE)).filter(|said| !said.is_empty());
    said.map(|said| said.join("\n\n")).collect()
}

/// A result without the marks of the agent.
fn unmarked(text: &str) -> &str {
    let between = || {
        let (head, rest) = text.strip_prefix(MARKED)?.split_once("]\n")?;
        let (_, mark) = head.rsplit_once(' ')?;
        let (result, _) = rest.rsplit_once(&format!("\n[mark {mark}: "))?;
        Some(result)
    };
    between().unwrap_or(text)
}

/// Finds `It is now Saturday, 2026-11-21T05:12:00+01:00[Europe/Berlin].`
fn clock_in(text: &str) -> Option<Zoned> {
    let (_, after) = text.split_once(CLOCK)?;
    let line = after.lines().next()?;
    let (_, time) = line.split_once(", ")?;
    let (local, rest) = time.split_once('[')?;
    let (zone, _) = rest.split_once(']')?;
    let whole = format!("{local}[{zone}]");
    whole.parse().ok().or_else(|| fixed_clock(local))
}

/// For a zone that this machine does not know: the offset is enough.
fn fixed_clock(local: &str) -> Option<Zoned> {
    let instant: Timestamp = local.parse().ok()?;
    let offset = jiff::fmt::temporal::Pieces::parse(local).ok()?.to_numeric_offset()?;
    Some(instant.to_zoned(TimeZone::fixed(offset)))
}
