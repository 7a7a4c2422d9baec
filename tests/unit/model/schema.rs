//! Every keyword that Gemini refuses, and what becomes of it.

use orchestrator::model::reduce;
use serde_json::{Value, json};

use crate::support::judges::schema::assert_allowed;

/// What a server says of a property, and what the provider is told.
const PROPERTIES: &str = r#"
{"type":"string","title":"T","default":"x","examples":["x"]} => {"type":"string"}
{"type":["string","null"]} => {"type":"string","nullable":true}
{"type":"STRING"} => {"type":"string"}
{"type":["string","integer"]} => {"anyOf":[{"type":"string"},{"type":"integer"}]}
{"type":"null"} => {"type":"string","nullable":true}
{"anyOf":[{"type":"integer"},{"type":"null"}]} => {"type":"integer","nullable":true}
{"oneOf":[{"type":"integer"},{"type":"string"}]} => {"anyOf":[{"type":"integer"},{"type":"string"}]}
{"allOf":[{"type":"string"},{"minLength":1}]} => {"type":"string","minLength":1}
{"const":"a"} => {"type":"string","enum":["a"]}
{"const":4} => {"type":"number","description":"one of: 4"}
{"enum":["a","",null,"a"]} => {"type":"string","enum":["a"],"nullable":true}
{"type":"integer","enum":[1,2],"description":"Size"} => {"type":"integer","description":"Size (one of: 1, 2)"}
{"type":"string","format":"date"} => {"type":"string","description":"format: date"}
{"type":"string","format":"date-time"} => {"type":"string","format":"date-time"}
{"type":"integer","format":"uint32","minimum":0} => {"type":"integer","minimum":0}
{"type":"integer","exclusiveMinimum":3} => {"type":"integer","minimum":4}
{"type":"number","exclusiveMaximum":1} => {"type":"number","description":"less than 1"}
{"type":"array"} => {"type":"array","items":{"type":"string"}}
{"type":"array","items":{"type":"integer"},"uniqueItems":true,"maxItems":3} => {"type":"array","items":{"type":"integer"},"maxItems":3,"description":"no value twice"}
{"type":"integer","multipleOf":5} => {"type":"integer","description":"a multiple of 5"}
{"type":"integer","minimum":5,"exclusiveMinimum":3,"maximum":8,"exclusiveMaximum":99} => {"type":"integer","minimum":5,"maximum":8}
{"type":"integer","exclusiveMaximum":9.5} => {"type":"integer","description":"less than 9.5"}
{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]} => {"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]}}
{"type":"object"} => {"type":"string","description":"a JSON object, written as text"}
{"type":"object","additionalProperties":{"type":"string"},"description":"Headers"} => {"type":"string","description":"Headers (a JSON object, written as text)"}
{"type":"string","default":null} => {"type":"string","nullable":true}
{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a","b",3],"additionalProperties":false} => {"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]}
{"oneOf":[{"const":"low","description":"can wait"},{"const":"high"}],"description":"How urgent"} => {"type":"string","enum":["low","high"],"description":"How urgent (\"low\": can wait)"}
{"type":"integer","anyOf":[{"minimum":1},{"maximum":-1}]} => {"anyOf":[{"type":"integer","minimum":1},{"type":"integer","maximum":-1}]}
{"not":{"type":"string"},"if":{},"patternProperties":{},"deprecated":true} => {"type":"string"}
true => {"type":"string","description":"a JSON value, written as text"}
"#;

#[test]
fn each_refused_keyword_is_said_in_another_way() {
    for (given, expected) in PROPERTIES.lines().filter_map(|line| line.split_once(" => ")) {
        let given: Value = serde_json::from_str(given).unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        let reduced = reduce(&json!({"type": "object", "properties": {"p": given}})).unwrap();
        assert_eq!(reduced["properties"]["p"], expected, "{given}");
        assert_allowed(&reduced);
    }
}

#[test]
fn references_are_written_out() {
    let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"Due": {"type": "string", "description": "A date"}},
        "properties": {"due": {"anyOf": [{"$ref": "#/$defs/Due"}, {"type": "null"}]}}});

    let reduced = reduce(&schema).unwrap();

    let due = json!({"type": "string", "description": "A date", "nullable": true});
    assert_eq!(reduced, json!({"type": "object", "properties": {"due": due}}));
}

#[test]
fn a_type_that_contains_itself_ends() {
    let schema = json!({"type": "object", "properties": {"tree": {"$ref": "#/$defs/Tree"}}, "$defs": {
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "right": {"$ref": "#/$defs/Tree"}}}}});

    let reduced = reduce(&schema).unwrap();

    assert_allowed(&reduced);
    assert!(reduced.to_string().len() < 2_000, "{reduced}");
}

#[test]
fn a_schema_that_doubles_at_each_step_stays_small() {
    let step = |n: u32| {
        json!({"type": "object", "properties": {
        "a": {"$ref": format!("#/$defs/{}", n + 1)}, "b": {"$ref": format!("#/$defs/{}", n + 1)}}})
    };
    let defs: serde_json::Map<_, _> = (0..40).map(|n| (n.to_string(), step(n))).collect();
    let schema = json!({"$ref": "#/$defs/0", "$defs": defs});

    let reduced = reduce(&schema).unwrap();

    assert!(reduced.to_string().len() < 400_000);
}

#[test]
fn a_tool_without_arguments_declares_none() {
    for schema in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}}),
        json!({}),
        json!(null),
        json!({"type": "string"}),
    ] {
        assert_eq!(reduce(&schema), None, "{schema}");
    }
}

#[test]
fn alternatives_at_the_top_are_offered_together() {
    let schema = json!({"anyOf": [
        {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}]});

    let properties = json!({"id": {"type": "string"}, "title": {"type": "string"}});
    assert_eq!(reduce(&schema), Some(json!({"type": "object", "properties": properties})));
}
