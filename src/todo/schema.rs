//! Schemas as simple as every provider accepts, and lenient reading of what models send.

use schemars::Schema;
use schemars::transform::Transform;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Map, Value};

/// Removes `null`, empty defaults and number formats from every property.
///
/// Models fill in `null` wherever it is allowed, so only the members named here allow it.
pub(super) struct Plain(pub(super) &'static [&'static str]);

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Other(f64),
    Text(String),
}

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
        for (name, property) in properties {
            let Value::Object(property) = property else { continue };
            property.remove("default");
            property.remove("format");
            if !self.0.contains(&name.as_str()) {
                refuse_null(property);
            }
        }
    }
}

/// Reads null as an empty text. serde does not call this for an absent member, so absent and null
/// stay different.
pub(super) fn null_as_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// Reads 10, 10.0 and "10": some providers send every number as a float.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::deserialize(deserializer)
        .map_err(|_| D::Error::custom("limit, offset and change must be whole numbers"))?
    else {
        return Ok(None);
    };
    let whole = match number {
        Number::Whole(whole) => Some(whole),
        Number::Other(other) => other.to_string().parse().ok(),
        Number::Text(text) => text.trim().parse().ok(),
    };
    whole
        .map(Some)
        .ok_or_else(|| D::Error::custom("limit, offset and change must be whole numbers"))
}

fn refuse_null(property: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = property.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = property.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}
