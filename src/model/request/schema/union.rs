//! Alternatives in a schema: `anyOf`, `oneOf`, several types, tuples.

use serde_json::{Map, Value, json};

use super::reducer::{Reducer, SchemaPosition};
use super::scalars::is_null_schema;

const MAX_VARIANTS: usize = 32;

/// The alternatives of a schema; none if it has properties, which they then only restrict.
pub(super) fn variants(flat: &Map<String, Value>) -> Option<&[Value]> {
    if flat.contains_key("properties") {
        return None;
    }
    let lists = ["anyOf", "oneOf"].into_iter().filter_map(|key| flat.get(key)?.as_array());
    lists.map(Vec::as_slice).find(|list| !list.is_empty())
}

/// One of these schemas. `kind` is the type of those without one.
pub(super) fn of_variants(
    reducer: &mut Reducer<'_>,
    variants: &[Value],
    kind: Option<&str>,
    position: &SchemaPosition,
) -> Map<String, Value> {
    let mut distinct = Vec::new();
    for variant in variants.iter().filter(|variant| !is_null_schema(variant)).take(MAX_VARIANTS) {
        let typed = with_type(reducer, variant, kind, position);
        let variant =
            Value::Object(reducer.reduce(typed.as_ref().unwrap_or(variant), position.clone()));
        if !distinct.contains(&variant) {
            distinct.push(variant);
        }
    }
    one_of(distinct)
}

/// One alternative for each of several types.
pub(super) fn of_types(
    reducer: &mut Reducer<'_>,
    flat: &Map<String, Value>,
    types: &[&str],
    position: &SchemaPosition,
) -> Map<String, Value> {
    let mut bare = flat.clone();
    for key in ["description", "default", "nullable"] {
        bare.remove(key);
    }
    let variants: Vec<_> = types
        .iter()
        .map(|kind| {
            bare.insert("type".to_owned(), json!(kind));
            Value::Object(bare.clone())
        })
        .collect();
    of_variants(reducer, &variants, None, position)
}

/// Gives a variant without a type that of the outer schema.
fn with_type(
    reducer: &Reducer<'_>,
    variant: &Value,
    kind: Option<&str>,
    position: &SchemaPosition,
) -> Option<Value> {
    let kind = kind?;
    let mut flat = reducer.flat(variant, position);
    let says_more = ["type", "anyOf", "oneOf", "properties"];
    if says_more.iter().any(|key| flat.contains_key(*key)) {
        return None;
    }
    flat.insert("type".to_owned(), json!(kind));
    Some(Value::Object(flat))
}

fn one_of(mut variants: Vec<Value>) -> Map<String, Value> {
    if let Some(choices) = choices(&variants) {
        return choices;
    }
    match (variants.len(), variants.pop()) {
        (1, Some(Value::Object(only))) => only,
        (0, _) | (_, None) => Map::from_iter([("type".to_owned(), json!("string"))]),
        (_, Some(last)) => {
            variants.push(last);
            Map::from_iter([("anyOf".to_owned(), Value::Array(variants))])
        }
    }
}

/// Joins enums into one list. The meaning of each value goes into the description.
fn choices(variants: &[Value]) -> Option<Map<String, Value>> {
    let (mut words, mut meanings) = (Vec::new(), Vec::new());
    for variant in variants {
        let own = variant.get("enum")?.as_array()?;
        if variant.get("nullable").is_some() {
            return None;
        }
        let meaning = variant.get("description").and_then(Value::as_str);
        if let (Some(meaning), [word]) = (meaning, &**own) {
            meanings.push(format!("{word}: {meaning}"));
        }
        words.extend(own.iter().filter(|word| !words.contains(*word)).cloned().collect::<Vec<_>>());
    }
    let mut choices = Map::from_iter([("type".to_owned(), json!("string"))]);
    choices.insert("enum".to_owned(), Value::Array(words));
    if !meanings.is_empty() {
        choices.insert("description".to_owned(), Value::String(meanings.join("; ")));
    }
    (variants.len() > 1).then_some(choices)
}
