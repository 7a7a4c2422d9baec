//! Puts the pieces of tool calls together, however a server numbers them.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use crate::agents::ModelError;
use crate::domain::{CallId, ToolCall};
use crate::model::extra;
use crate::model::fault::failure::Failure;

const MAX_CALLS: usize = 64;
const MAX_ARGUMENT_BYTES: usize = 256 * 1024;

/// The calls of one reply so far.
#[derive(Debug, Default)]
pub(in crate::model) struct Calls {
    open: Vec<OpenCall>,
    /// A signature that came before the call it belongs to.
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

/// One entry of `tool_calls`, with empty strings and nulls taken for absent.
struct CallPiece {
    id: Option<String>,
    index: Option<u64>,
    name: Option<String>,
    arguments: Option<String>,
    extra: Option<Value>,
}

impl Calls {
    /// Takes one entry of `tool_calls`.
    pub(in crate::model) fn push(&mut self, entry: Value) -> Result<(), Failure> {
        let piece = CallPiece::read(entry);
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

    /// The calls, if each is whole.
    pub(in crate::model) fn finish(self) -> Result<Vec<ToolCall>, Failure> {
        self.open.into_iter().map(OpenCall::finish).collect()
    }

    /// Which call a piece goes on with; `None` begins a new one.
    ///
    /// A new id begins a call whatever the index says, because gateways number every call 0.
    fn place(&self, piece: &CallPiece) -> Option<usize> {
        if let Some(id) = &piece.id {
            return self.open.iter().position(|call| call.id == *id);
        }
        let numbered = piece
            .index
            .and_then(|index| self.open.iter().rposition(|call| call.index == Some(index)));
        let place = numbered.or_else(|| self.open.len().checked_sub(1))?;
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

    /// Whether a piece that repeats the name may go on with this call.
    fn waits_for_more(&self, name: &str) -> bool {
        self.name == name && serde_json::from_str::<IgnoredAny>(&self.arguments).is_err()
    }

    fn finish(self) -> Result<ToolCall, Failure> {
        if self.name.is_empty() || is_glued(&self.arguments) {
            return Err(malformed());
        }
        let is_blank = self.arguments.trim().is_empty();
        Ok(ToolCall {
            id: if self.id.is_empty() { CallId::synthesised() } else { self.id.into() },
            name: self.name,
            tool: None,
            arguments: if is_blank { "{}".to_owned() } else { self.arguments },
            extra: self.extra,
            key: None,
        })
    }
}

/// A string member that is not empty.
pub(in crate::model) fn text(object: &mut Value, key: &str) -> Option<String> {
    match object.get_mut(key).map(Value::take) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Some servers send the arguments as an object instead of its text.
fn arguments(function: &mut Value) -> Option<String> {
    let object = function.get("arguments").filter(|arguments| arguments.is_object());
    object.map(Value::to_string).or_else(|| text(function, "arguments"))
}

/// Several values one after another: calls that a gateway ran together.
fn is_glued(arguments: &str) -> bool {
    Deserializer::from_str(arguments).into_iter::<IgnoredAny>().take(2).flatten().count() > 1
}

fn malformed() -> Failure {
    Failure::answered(ModelError::Malformed).again()
}
