//! An entry as it is written, and its members that occur more than once: readers of JSON keep one of
//! them without a word (ADR 37).

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fault::shown;

pub(super) struct WrittenEntry {
    /// Of a member that occurs twice the last.
    pub(super) value: Value,
    /// The places of those members within the entry, such as `tools/allow`.
    pub(super) repeated: Vec<String>,
}

/// A value to come, at this place.
#[derive(Clone, Copy)]
struct WrittenPart<'a> {
    place: &'a str,
    repeated: &'a RefCell<Vec<String>>,
}

impl WrittenPart<'_> {
    fn place_of(self, name: &str) -> String {
        let is_at_top = self.place.is_empty();
        if is_at_top { name.to_owned() } else { format!("{}/{name}", self.place) }
    }
}

impl<'de> Deserialize<'de> for WrittenEntry {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let repeated = RefCell::default();
        let value = WrittenPart { place: "", repeated: &repeated }.deserialize(input)?;
        Ok(Self { value, repeated: repeated.into_inner() })
    }
}

impl<'de> DeserializeSeed<'de> for WrittenPart<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WrittenPart<'_> {
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = self.place_of(&list.len().to_string());
            match entries.next_element_seed(WrittenPart { place: &place, ..self })? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let (shown, _) = shown(&name, object.len());
            let place = self.place_of(&shown);
            let value = members.next_value_seed(WrittenPart { place: &place, ..self })?;
            if object.insert(name, value).is_some() {
                self.repeated.borrow_mut().push(place);
            }
        }
        Ok(Value::Object(object))
    }
}
