//! The schema of a tool, as its server declares it: what is left of it is what Gemini takes.

use orchestrator::model::reduce;
use serde_json::Value;

const ALLOWED: &[&str] = &[
    "type",
    "description",
    "nullable",
    "enum",
    "items",
    "properties",
    "required",
    "anyOf",
    "format",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "pattern",
];

pub(crate) fn judge(input: &[u8]) {
    if let Ok(schema) = serde_json::from_slice(input) {
        judge_value(&schema);
    }
}

pub(crate) fn judge_value(schema: &Value) {
    if let Some(reduced) = reduce(schema) {
        assert_allowed(&reduced);
        assert_eq!(reduce(&reduced).as_ref(), Some(&reduced), "{schema}");
    }
}

/// Nothing but what Gemini takes, at any depth.
pub(crate) fn assert_allowed(schema: &Value) {
    for (key, value) in schema.as_object().unwrap() {
        assert!(ALLOWED.contains(&&**key), "{key} in {schema}");
        match &**key {
            "properties" => value.as_object().unwrap().values().for_each(assert_allowed),
            "items" => assert_allowed(value),
            "anyOf" => value.as_array().unwrap().iter().for_each(assert_allowed),
            "type" => assert!(value.is_string()),
            "enum" => assert!(
                value
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|word| word.as_str().is_some_and(|word| !word.is_empty()))
            ),
            _ => assert!(!value.is_null()),
        }
    }
    assert!(schema.get("type").is_some() || schema.get("anyOf").is_some(), "{schema}");
    assert!(schema["type"] != "array" || schema.get("items").is_some(), "{schema}");
    assert!(
        schema["type"] != "object"
            || schema["properties"].as_object().is_some_and(|all| !all.is_empty()),
        "{schema}"
    );
}
