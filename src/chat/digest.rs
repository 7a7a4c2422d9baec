//! Names for things that are the same: digests, whatever the order of an object's members.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A digest of these parts, in this order.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digits = |byte: u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
    hash.finalize().into_iter().flat_map(digits).flatten().collect()
}

/// The same text for the same arguments.
pub(super) fn canonical(arguments: &Map<String, Value>) -> String {
    sorted(&Value::Object(arguments.clone())).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(members.collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
