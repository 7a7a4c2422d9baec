//! Turns arguments that a model wrote as text back into JSON. Providers have no schema for some
//! values, so the declaration asks for "a JSON object, written as text" (FR-018).

use serde_json::{Map, Value};

/// References followed to find a schema: a server may send a circle of them.
const MAX_HOPS: usize = 16;

/// Replaces a text by the value in it if `schema` accepts that value and not the text.
pub(crate) fn unquote(arguments: &mut Map<String, Value>, schema: &Value) {
    Wanted { root: schema }.members(arguments, schema);
}

struct Wanted<'a> {
    root: &'a Value,
}

impl<'a> Wanted<'a> {
    fn members(&self, members: &mut Map<String, Value>, schema: &'a Value) {
        for shape in self.shapes(schema) {
            let properties = shape.get("properties").and_then(Value::as_object);
            for (name, value) in &mut *members {
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    self.value(value, self.resolved(schema));
                }
            }
        }
    }

    fn value(&self, value: &mut Value, schema: &'a Value) {
        match value {
            Value::String(text) => {
                if let Ok(read) = serde_json::from_str(text)
                    && self.takes(schema, &read)
                    && !self.takes(schema, value)
                {
                    *value = read;
                }
            }
            Value::Object(members) => self.members(members, schema),
            Value::Array(items) => {
                let item = |shape: &'a Value| shape.get("items");
                let Some(schema) = self.shapes(schema).find_map(item) else { return };
                for item in items {
                    self.value(item, self.resolved(schema));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether the schema accepts a value of this type. Where anything is accepted, text stays text
    /// unless it is a list or an object.
    fn takes(&self, schema: &'a Value, value: &Value) -> bool {
        match (schema.get("type"), variants(schema)) {
            (Some(Value::String(kind)), _) => is_a(value, kind),
            (Some(Value::Array(kinds)), _) => {
                kinds.iter().filter_map(Value::as_str).any(|kind| is_a(value, kind))
            }
            (_, Some(variants)) => {
                variants.iter().any(|variant| is_one(value, self.resolved(variant)))
            }
            (_, None) => match schema.get("enum").and_then(Value::as_array) {
                Some(values) => values.contains(value),
                None => value.is_object() || value.is_array(),
            },
        }
    }

    /// The schema itself and its alternatives.
    fn shapes(&self, schema: &'a Value) -> impl Iterator<Item = &'a Value> {
        let variants = variants(schema).map(Vec::as_slice).unwrap_or_default();
        std::iter::once(schema).chain(variants.iter().map(|variant| self.resolved(variant)))
    }

    fn resolved(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..MAX_HOPS {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|to| self.root.pointer(to.strip_prefix('#')?));
            let Some(target) = target else { break };
            schema = target;
        }
        schema
    }
}

fn variants(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array())
}

/// Nested alternatives are rare and may refer to themselves, so they accept anything.
fn is_one(value: &Value, schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str).is_none_or(|kind| is_a(value, kind))
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
