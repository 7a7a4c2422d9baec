//! Assembles tool calls from their pieces, however a server numbers them. Gemini sends no `index`,
//! and gateways send 0 for every call, so a typed client fails here (ADR 2).

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use crate::extra;
use crate::fault::failure::Failure;
use base::agents::ModelError;
use base::domain::{CallId, ToolCall};

const MAX_CALLS: usize = 64;
const MAX_ARGUMENT_BYTES: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: Vec<OpenCall>,
    /// Bytes of names and arguments.
    arrived: u64,
    /// A signature that arrived before its call.
    early_extra: Option<Value>,
}

#[derive(Debug, Default)]
struct OpenCall {
    id: String,
    index: Option<u64>,
    name: String,
    arguments: String,
    extra: Option<Value>,
}

/// One entry of `tool_calls`. Empty strings and nulls count as absent (ADR 2).
struct CallPiece {
    id: Option<String>,
    index: Option<u64>,
    name: Option<String>,
    arguments: Option<String>,
    extra: Option<Value>,
}

impl Calls {
    pub(crate) fn push(&mut self, entry: Value) -> Result<(), Failure> {
        let piece = CallPiece::read(entry);
        self.arrived += piece.bytes();
        let is_signature = piece.id.is_none() && piece.name.is_none() && piece.arguments.is_none();
        match self.place(&piece) {
            Some(place) => self.open.get_mut(place).map_or(Ok(()), |call| call.add(piece)),
            None if is_signature => {
                self.early_extra = piece.extra.or(self.early_extra.take());
                Ok(())
            }
            None => self.begin(piece),
        }
    }

    /// The bytes of names and arguments so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// The calls, or a failure if one is incomplete.
    pub(crate) fn finish(self) -> Result<Vec<ToolCall>, Failure> {
        self.open.into_iter().map(OpenCall::finish).collect()
    }

    /// Which call a piece continues; `None` begins a new one.
    fn place(&self, piece: &CallPiece) -> Option<usize> {
        // An id outranks the index: gateways number every call 0.
        if let Some(id) = &piece.id {
            return self.open.iter().position(|call| call.id == *id);
        }
        let numbered = piece
            .index
            .and_then(|index| self.open.iter().rposition(|call| call.index == Some(index)));
        let place = numbered.or_else(|| self.open.len().checked_sub(1))?;
        // Some servers repeat the name in every piece; others send two calls of one tool without
        // ids. An incomplete argument text tells them apart.
        let Some(name) = &piece.name else { return Some(place) };
        let goes_on = self.open.get(place).is_some_and(|call| call.waits_for_more(name));
        (numbered.is_some() && goes_on).then_some(place)
    }

    fn begin(&mut self, piece: CallPiece) -> Result<(), Failure> {
        if self.open.len() == MAX_CALLS {
            return Err(malformed());
        }
        let mut call = OpenCall { extra: self.early_extra.take(), ..OpenCall::default() };
        call.id = piece.id.clone().unwrap_or_default();
        call.add(piece)?;
        self.open.push(call);
        Ok(())
    }
}

impl CallPiece {
    fn read(mut entry: Value) -> Self {
        let mut function = entry.get_mut("function").map(Value::take).unwrap_or_default();
        Self {
            id: text(&mut entry, "id"),
            index: entry.get("index").and_then(Value::as_u64),
            name: text(&mut function, "name"),
            arguments: arguments(&mut function),
            extra: extra::take(&mut entry),
        }
    }

    fn bytes(&self) -> u64 {
        bytes(self.name.as_ref()) + bytes(self.arguments.as_ref())
    }
}

impl OpenCall {
    fn add(&mut self, piece: CallPiece) -> Result<(), Failure> {
        self.index = self.index.or(piece.index);
        if self.name.is_empty() {
            self.name = piece.name.unwrap_or_default();
        }
        self.arguments.push_str(&piece.arguments.unwrap_or_default());
        self.extra = piece.extra.or(self.extra.take());
        if self.arguments.len() > MAX_ARGUMENT_BYTES { Err(malformed()) } else { Ok(()) }
    }

    /// Whether a piece that repeats the name may continue this call.
    fn waits_for_more(&self, name: &str) -> bool {
        self.name == name && serde_json::from_str::<IgnoredAny>(&self.arguments).is_err()
    }

    fn finish(self) -> Result<ToolCall, Failure> {
        // A glued call is never guessed apart: a wrong guess would have an effect.
        if self.name.is_empty() || is_glued(&self.arguments) {
            return Err(malformed());
        }
        let is_blank = self.arguments.trim().is_empty();
        Ok(ToolCall {
            // Providers refuse a result without an id, and some send calls without one.
            id: if self.id.is_empty() { CallId::synthesised() } else { self.id.into() },
            name: self.name,
            tool: None,
            // Some servers send an empty text for a tool without parameters.
            arguments: if is_blank { "{}".to_owned() } else { self.arguments },
            extra: self.extra,
            key: None,
        })
    }
}

/// Takes a string member unless it is empty.
pub(crate) fn text(object: &mut Value, key: &str) -> Option<String> {
    match object.get_mut(key).map(Value::take) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The length of a text that may be absent.
pub(crate) fn bytes(text: Option<&String>) -> u64 {
    text.map_or(0, |text| text.len() as u64)
}

/// Some servers send the arguments as an object instead of its text.
fn arguments(function: &mut Value) -> Option<String> {
    let object = function.get("arguments").filter(|arguments| arguments.is_object());
    object.map(Value::to_string).or_else(|| text(function, "arguments"))
}

/// Whether the text is several JSON values: calls that a gateway joined into one.
fn is_glued(arguments: &str) -> bool {
    Deserializer::from_str(arguments).into_iter::<IgnoredAny>().take(2).flatten().count() > 1
}

fn malformed() -> Failure {
    Failure::answered(ModelError::Malformed).again()
}
