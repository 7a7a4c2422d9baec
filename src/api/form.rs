//! From JSON to the form that is asked for; what is wrong is told without a word of its values.

use serde::de::value::MapDeserializer;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::ApiError;

/// Reads an object of this form.
pub(super) fn form<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, ApiError> {
    object(value).map_err(|error| ApiError::WrongForm(without_values(&error.to_string())))
}

/// serde would also take a list and read it by position.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<T, D::Error> {
    let members = Map::deserialize(input)?;
    T::deserialize(MapDeserializer::new(members.into_iter())).map_err(serde::de::Error::custom)
}

/// serde quotes what it found between backticks or quotes; only names of fields may pass.
fn without_values(message: &str) -> String {
    let names_a_field =
        message.starts_with("missing field") || message.starts_with("duplicate field");
    if names_a_field {
        return message.to_owned();
    }
    match message.split_once("expected ") {
        Some((_, expected)) => {
            let is_object = expected == "a map" || expected.starts_with("struct ");
            let expected = if is_object { "an object" } else { expected };
            format!("something else was found where {expected} is expected")
        }
        None => "a field has a value of the wrong kind".to_owned(),
    }
}
