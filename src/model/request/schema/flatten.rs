//! Writes out `$ref` and `allOf`, so that a schema stands alone.

use serde_json::{Map, Value};

/// A recursive type is written out this often, then cut.
const MAX_TURNS: usize = 2;
/// References followed on one way down, for schemas that are nothing but references.
const MAX_TRAIL: usize = 64;

/// The references followed on the way down to a schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(Vec<String>);

impl Trail {
    /// Whether `reference` may be followed once more.
    fn enter(&mut self, reference: &str) -> bool {
        let turns = self.0.iter().filter(|earlier| *earlier == reference).count();
        self.0.push(reference.to_owned());
        turns < MAX_TURNS && self.0.len() <= MAX_TRAIL
    }
}

/// The keywords of `schema` and of all it refers to; `None` if it never ends or says nothing.
pub(super) fn flatten(
    root: &Value,
    schema: &Value,
    trail: &mut Trail,
) -> Option<Map<String, Value>> {
    let object = schema.as_object()?;
    let own = object.iter().filter(|(key, _)| !matches!(&***key, "$ref" | "allOf"));
    let mut flat: Map<_, _> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
        if !trail.enter(reference) {
            return None;
        }
        let target = reference.strip_prefix('#').and_then(|path| root.pointer(path))?;
        merge(&mut flat, flatten(root, target, trail)?);
    }
    for part in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(part) = flatten(root, part, trail) {
            merge(&mut flat, part);
        }
    }
    Some(flat)
}

/// Adds what is not said yet; properties and required names of both count.
fn merge(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(added)) if key == "properties" => {
                for (name, schema) in added {
                    known.entry(name).or_insert(schema);
                }
            }
            (Some(Value::Array(known)), Value::Array(added)) if key == "required" => {
                known.extend(added);
            }
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
}
