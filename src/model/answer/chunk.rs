//! One chunk of a stream: the usual shape is read straight away, every other as loose JSON.
//!
//! Most chunks carry a few words of the answer and nothing else that counts. To read those into
//! a tree and take them out of it again would cost more than all the rest that is done with them.

use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, de};
use serde_json::Value;

use crate::model::fault::provider_refusal::ProviderRefusal;

/// A chunk, or a whole completion.
#[derive(Debug)]
pub enum Chunk<'a> {
    /// Words of the answer, how it finished, what it cost.
    Words(Words<'a>),
    /// Anything else.
    Loose(Value),
}

/// The usual chunk. Whatever else would count makes it a loose one.
#[derive(Debug, Deserialize)]
pub struct Words<'a> {
    choices: [ChunkChoice; 1],
    usage: Option<Value>,
    #[serde(borrow)]
    model: Option<Name<'a>>,
    #[serde(rename = "error")]
    _error: Option<Never>,
}

/// Every chunk has it, and one of them is looked at.
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

/// A member that may be null and nothing else.
#[derive(Debug, Deserialize)]
enum Never {}

/// The number of the first choice.
#[derive(Debug)]
struct First;

impl<'a> Chunk<'a> {
    /// Reads what an event says.
    pub fn read(data: &'a [u8]) -> serde_json::Result<Self> {
        let words = serde_json::from_slice(data).map(Self::Words);
        words.or_else(|_| serde_json::from_slice(data).map(Self::Loose))
    }

    /// An error in the place of an answer, if it is one.
    pub(in crate::model) fn refused(&self) -> Option<ProviderRefusal> {
        match self {
            Self::Words(_) => None,
            Self::Loose(value) => ProviderRefusal::in_stream(value),
        }
    }

    /// Which model it says it is from.
    pub(in crate::model) fn model(&self) -> Option<&str> {
        match self {
            Self::Words(words) => words.model.as_ref().map(|name| &*name.0),
            Self::Loose(value) => value.get("model").and_then(Value::as_str),
        }
    }

    /// The counters so far.
    pub(in crate::model) fn usage(&self) -> Option<&Value> {
        match self {
            Self::Words(words) => words.usage.as_ref(),
            Self::Loose(value) => value.get("usage"),
        }
    }
}

impl Words<'_> {
    /// The words and the finish reason; empty ones are as good as none.
    pub(in crate::model) fn take(self) -> (Option<String>, Option<String>) {
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
