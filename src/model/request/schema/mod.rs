//! Reduces tool schemas to what Gemini accepts. For every provider, because a Gemini model may be
//! behind any address (FR-018).

mod flatten;
mod reducer;
mod scalars;
mod union;

use serde_json::{Map, Value, json};

use reducer::Reducer;

/// The reduced schema of a tool's arguments; `None` if it has none.
pub fn reduce(schema: &Value) -> Option<Value> {
    let reduced = Reducer::new(schema).whole();
    let mut top = match reduced.get("anyOf").and_then(Value::as_array) {
        Some(variants) => joined(variants),
        None => reduced,
    };
    top.remove("nullable");
    let is_object = top.get("type").is_some_and(|kind| kind == "object");
    is_object.then_some(Value::Object(top))
}

/// Removes limits on values. They go first when declarations are too large: the tool checks its
/// arguments anyway.
pub(super) fn loosen(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else { return };
    keywords.retain(|key, _| !LIMITS.contains(&&**key));
    for (key, value) in keywords {
        match (&**key, value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(loosen),
            ("anyOf", Value::Array(variants)) => variants.iter_mut().for_each(loosen),
            ("items", items) => loosen(items),
            _ => {}
        }
    }
}

const LIMITS: [&str; 9] = [
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
];

/// Arguments must be one object, so alternatives become optional properties of it.
fn joined(variants: &[Value]) -> Map<String, Value> {
    let mut properties = Map::new();
    for variant in variants {
        let own = variant.get("properties").and_then(Value::as_object);
        for (name, schema) in own.into_iter().flatten() {
            properties.entry(name).or_insert_with(|| schema.clone());
        }
    }
    let kind = if properties.is_empty() { "string" } else { "object" };
    Map::from_iter([
        ("type".to_owned(), json!(kind)),
        ("properties".to_owned(), Value::Object(properties)),
    ])
}
