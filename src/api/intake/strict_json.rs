//! JSON without what readers take in different ways, and without depth that nobody needs (ADR 33).
//!
//! Of a member that occurs twice some readers take the first and some the last: what a proxy or a
//! log has checked may not be what is done.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::super::error::{ApiError, BrokenRule};
use super::form::is_plain;

/// Levels of lists and objects within each other.
const MAX_DEPTH: usize = 64;

/// Reads a text as JSON.
pub(crate) fn strict_json(text: &str) -> Result<Value, ApiError> {
    let fault = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = JsonPart { depth: 0, fault: &fault }.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| match fault.take() {
        Some(rule) => ApiError::WrongForm(rule),
        None => ApiError::NotJson { line: error.line(), column: error.column() },
    })
}

/// A value to come, so many levels down.
#[derive(Clone, Copy)]
struct JsonPart<'a> {
    depth: usize,
    /// What is wrong, if it is none of serde's faults. Its pointer grows on the way out.
    fault: &'a Cell<Option<BrokenRule>>,
}

impl JsonPart<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH {
            return Ok(Self { depth: self.depth + 1, ..self });
        }
        let message = format!("Lists and objects are nested deeper than {MAX_DEPTH} levels.");
        Err(self.refuse("too_deep", message))
    }

    fn refuse<E: Error>(self, code: &str, message: String) -> E {
        self.fault.set(Some(BrokenRule::new(String::new(), code, message)));
        E::custom(code)
    }

    /// Notes that a fault lies within this member or entry. A name that only the client knows may
    /// be any text, so the pointer ends before it.
    fn within<E>(self, name: &str, error: E) -> E {
        self.fault.set(self.fault.take().map(|mut rule| {
            rule.pointer =
                if is_plain(name) { format!("/{name}{}", rule.pointer) } else { String::new() };
            rule
        }));
        error
    }
}

impl<'de> DeserializeSeed<'de> for JsonPart<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonPart<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (part, mut list) = (self.deeper()?, Vec::new());
        let within = |list: &[Value], error| self.within(&list.len().to_string(), error);
        while let Some(value) =
            entries.next_element_seed(part).map_err(|error| within(&list, error))?
        {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (part, mut object) = (self.deeper()?, Map::new());
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(place) => {
                    let value = members.next_value_seed(part);
                    let value = value.map_err(|error| self.within(place.key(), error))?;
                    place.insert(value);
                }
                Entry::Occupied(first) => {
                    let message = "This member occurs more than once.".to_owned();
                    let error = self.refuse("duplicate_member", message);
                    return Err(self.within(first.key(), error));
                }
            }
        }
        Ok(Value::Object(object))
    }
}
