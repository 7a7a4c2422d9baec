//! Reads one chunk of a stream: the usual shape directly, every other as loose JSON.
//!
//! Most chunks have a few words of the answer and nothing else that matters. Building a JSON tree
//! for them would cost more than everything else that is done with them.

use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, de};
use serde_json::Value;

use crate::fault::provider_refusal::ProviderRefusal;

/// A chunk of a stream, or a complete answer that was not streamed.
#[derive(Debug)]
pub enum Chunk<'a> {
    /// Text of the answer, finish reason, counters: the usual chunk.
    Words(Words<'a>),
    Loose(Value),
}

/// The usual chunk. Any other member that matters has the type [`Never`], so reading fails and the
/// chunk is read as loose JSON.
#[derive(Debug, Deserialize)]
pub struct Words<'a> {
    choices: [ChunkChoice; 1],
    usage: Option<Value>,
    #[serde(borrow)]
    model: Option<Name<'a>>,
    #[serde(rename = "error")]
    _error: Option<Never>,
}

/// Borrowed, because every chunk has it and only one is used.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Debug, Deserialize)]
struct ChunkChoice {
    delta: ChunkDelta,
    finish_reason: Option<String>,
    #[serde(rename = "index")]
    _index: Option<First>,
    #[serde(rename = "message")]
    _message: Option<Never>,
}

#[derive(Debug, Deserialize)]
struct ChunkDelta {
    content: Option<String>,
    #[serde(
        rename = "reasoning_content",
        alias = "reasoning",
        alias = "refusal",
        alias = "extra_content",
        alias = "provider_specific_fields",
        alias = "tool_calls"
    )]
    _more: Option<Never>,
}

/// A member that may be null but have no value.
#[derive(Debug, Deserialize)]
enum Never {}

/// The index 0: other choices are not ours.
#[derive(Debug)]
struct First;

impl<'a> Chunk<'a> {
    pub fn read(data: &'a [u8]) -> serde_json::Result<Self> {
        let words = serde_json::from_slice(data).map(Self::Words);
        words.or_else(|_| serde_json::from_slice(data).map(Self::Loose))
    }

    /// An error that came with status 200.
    pub(crate) fn refused(&self) -> Option<ProviderRefusal> {
        match self {
            Self::Words(_) => None,
            Self::Loose(value) => ProviderRefusal::in_stream(value),
        }
    }

    pub(crate) fn model(&self) -> Option<&str> {
        match self {
            Self::Words(words) => words.model.as_ref().map(|name| &*name.0),
            Self::Loose(value) => value.get("model").and_then(Value::as_str),
        }
    }

    pub(crate) fn usage(&self) -> Option<&Value> {
        match self {
            Self::Words(words) => words.usage.as_ref(),
            Self::Loose(value) => value.get("usage"),
        }
    }
}

impl Words<'_> {
    /// The text and the finish reason; empty ones count as absent.
    pub(crate) fn take(self) -> (Option<String>, Option<String>) {
        let [ChunkChoice { delta, finish_reason, .. }] = self.choices;
        let said = |text: &String| !text.is_empty();
        (delta.content.filter(said), finish_reason.filter(said))
    }
}

impl From<Value> for Chunk<'_> {
    fn from(value: Value) -> Self {
        Self::Loose(value)
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Ok(Self),
            other => Err(D::Error::invalid_value(de::Unexpected::Unsigned(other), &"0")),
        }
    }
}
