//! Reduces a schema part by part, within limits on depth and number.

use serde_json::{Map, Value, json};

use super::flatten::{Trail, flatten};
use super::{scalars, union};

// Servers choose their schemas: these limits make the reduction end, whatever they send.
const MAX_DEPTH: usize = 16;
const MAX_SCHEMAS: usize = 2_000;
const TYPES: [&str; 6] = ["object", "array", "string", "integer", "number", "boolean"];

pub(super) struct Reducer<'a> {
    root: &'a Value,
    left: usize,
}

/// The depth, and the references followed on the way.
#[derive(Clone)]
pub(super) struct SchemaPosition {
    depth: usize,
    trail: Trail,
}

impl<'a> Reducer<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, left: MAX_SCHEMAS }
    }

    pub(super) fn whole(&mut self) -> Map<String, Value> {
        self.reduce(self.root, SchemaPosition { depth: 0, trail: Trail::default() })
    }

    /// Reduces one part. What cannot be described is requested as text.
    pub(super) fn reduce(
        &mut self,
        schema: &Value,
        position: SchemaPosition,
    ) -> Map<String, Value> {
        if position.depth > MAX_DEPTH || self.left == 0 {
            return as_text("value");
        }
        self.left -= 1;
        let mut position = SchemaPosition { depth: position.depth + 1, trail: position.trail };
        let Some(flat) = flatten(self.root, schema, &mut position.trail) else {
            return as_text("value");
        };
        let mut reduced = self.shape(&flat, &position);
        scalars::describe(&mut reduced, &flat);
        if scalars::may_be_null(&flat) {
            reduced.insert("nullable".to_owned(), json!(true));
        }
        reduced
    }

    pub(super) fn flat(&self, schema: &Value, position: &SchemaPosition) -> Map<String, Value> {
        flatten(self.root, schema, &mut position.trail.clone()).unwrap_or_default()
    }

    fn shape(
        &mut self,
        flat: &Map<String, Value>,
        position: &SchemaPosition,
    ) -> Map<String, Value> {
        let types = types(flat);
        if let Some(variants) = union::variants(flat) {
            return union::of_variants(self, variants, types.first().copied(), position);
        }
        match *types {
            [] => scalars::string(flat),
            ["object"] => self.object(flat, position),
            ["array"] => self.array(flat, position),
            [kind] => scalars::scalar(kind, flat),
            _ => union::of_types(self, flat, &types, position),
        }
    }

    fn object(
        &mut self,
        flat: &Map<String, Value>,
        position: &SchemaPosition,
    ) -> Map<String, Value> {
        let own = flat.get("properties").and_then(Value::as_object);
        let mut properties = Map::new();
        for (name, schema) in own.into_iter().flatten() {
            properties.insert(name.clone(), Value::Object(self.reduce(schema, position.clone())));
        }
        if properties.is_empty() {
            return as_text("object");
        }
        let required = required(flat, &properties);
        let mut reduced = scalars::limits("object", flat);
        reduced.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            reduced.insert("required".to_owned(), Value::Array(required));
        }
        reduced
    }

    fn array(
        &mut self,
        flat: &Map<String, Value>,
        position: &SchemaPosition,
    ) -> Map<String, Value> {
        let listed = [flat.get("prefixItems"), flat.get("items")];
        let tuple = listed.iter().flatten().find_map(|items| items.as_array());
        let items = match (tuple, flat.get("items")) {
            (Some(tuple), _) => union::of_variants(self, tuple, None, position),
            (None, Some(items)) => self.reduce(items, position.clone()),
            (None, None) => Map::from_iter([("type".to_owned(), json!("string"))]),
        };
        let mut reduced = scalars::limits("array", flat);
        reduced.insert("items".to_owned(), Value::Object(items));
        reduced
    }
}

/// `mcp/arguments` turns such a text back into JSON.
fn as_text(what: &str) -> Map<String, Value> {
    let words = json!(format!("a JSON {what}, written as text"));
    Map::from_iter([("type".to_owned(), json!("string")), ("description".to_owned(), words)])
}

/// The types named, or the one that the other keywords imply.
fn types(flat: &Map<String, Value>) -> Vec<&'static str> {
    let named = flat.get("type");
    let list = named.and_then(Value::as_array).map(Vec::as_slice);
    let list = list.unwrap_or_else(|| named.map(std::slice::from_ref).unwrap_or_default());
    let mut types: Vec<_> = list.iter().filter_map(known_type).collect();
    types.dedup();
    if types.is_empty() && named.is_none() {
        types.extend(scalars::implied_type(flat));
    }
    types
}

fn known_type(name: &Value) -> Option<&'static str> {
    let name = name.as_str()?;
    TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

fn required(flat: &Map<String, Value>, properties: &Map<String, Value>) -> Vec<Value> {
    let mut required: Vec<Value> = Vec::new();
    for name in flat.get("required").and_then(Value::as_array).into_iter().flatten() {
        let is_known = name.as_str().is_some_and(|name| properties.contains_key(name));
        if is_known && !required.contains(name) {
            required.push(name.clone());
        }
    }
    required
}
