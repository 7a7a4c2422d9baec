//! Resolves `$ref` and `allOf`, which Gemini does not accept, into one schema.

use serde_json::{Map, Value};

/// How often a recursive type is written out before it is cut.
const MAX_TURNS: usize = 2;
/// References followed on one path: a schema may consist of references only.
const MAX_TRAIL: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Trail(Vec<String>);

impl Trail {
    fn enter(&mut self, reference: &str) -> bool {
        let turns = self.0.iter().filter(|earlier| *earlier == reference).count();
        self.0.push(reference.to_owned());
        turns < MAX_TURNS && self.0.len() <= MAX_TRAIL
    }
}

/// The keywords of `schema` and of everything it refers to; `None` if it never ends or is empty.
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

/// The first value of a keyword wins, but properties and required names of both are joined.
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
