//! Whatever JSON comes, the adapter answers with a value.

use orchestrator::model::{ProviderRefusal, StreamEnd, reduce};
use proptest::prelude::*;
use serde_json::Value;

use super::decoder::read;
use crate::support::judges::schema::{assert_allowed, judge_value};

/// Words that mean something to the decoder or to the schema reducer, so that nonsense gets far.
const WORDS: &[&str] = &[
    "choices",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "index",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "total_tokens",
    "extra_content",
    "google",
    "thought",
    "error",
    "code",
    "details",
    "retryDelay",
    "violations",
    "quotaId",
];
const SCHEMA_WORDS: &[&str] = &[
    "type",
    "properties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "enum",
    "const",
    "format",
    "required",
    "description",
    "nullable",
    "default",
    "minimum",
    "exclusiveMinimum",
    "minLength",
    "prefixItems",
    "additionalProperties",
    "a",
    "b",
];
const SCHEMA_VALUES: &[&str] = &[
    "object",
    "array",
    "string",
    "integer",
    "number",
    "boolean",
    "null",
    "#",
    "#/$defs/a",
    "#/$defs/b",
    "date",
    "date-time",
    "a",
    "b",
];

proptest! {
    #[test]
    fn any_chunks_give_a_reply_or_a_failure(chunks in prop::collection::vec(json(WORDS, &["<thought>", "</thought>", "{}", "stop", "5s"]), 0..6)) {
        let _outcome = read(&chunks, StreamEnd::Done);
        for chunk in &chunks {
            let _refused = ProviderRefusal::in_stream(chunk).map(|refused| refused.failure());
        }
    }

    #[test]
    fn any_schema_gives_one_that_gemini_takes(schema in json(SCHEMA_WORDS, SCHEMA_VALUES)) {
        judge_value(&schema);
    }

    #[test]
    fn any_property_gives_one_that_gemini_takes(part in json(SCHEMA_WORDS, SCHEMA_VALUES)) {
        let schema = serde_json::json!({"type": "object", "properties": {"p": part, "q": {"$ref": "#/properties/p"}}});

        let reduced = reduce(&schema).unwrap();

        assert_allowed(&reduced);
        prop_assert_eq!(reduce(&reduced), Some(reduced));
    }
}

fn json(
    keys: &'static [&'static str],
    words: &'static [&'static str],
) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(keys), inner), 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                members.collect()
            }),
        ]
    })
}
