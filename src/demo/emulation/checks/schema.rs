//! Checks tool schemas: only keywords that Gemini's old proto has, where it has them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::emulation::gemini_refusal::GeminiRefusal;
use crate::wire::request::ChatTool;

const MAX_TOOLS: usize = 512;
const MAX_NAME: usize = 64;
const MAX_SCHEMA_BYTES: usize = 60_000;

const KEYWORDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "properties",
    "required",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "pattern",
    "anyOf",
    "propertyOrdering",
    "default",
    "example",
];

pub(super) fn check(tools: &[ChatTool]) -> Result<(), GeminiRefusal> {
    if tools.len() > MAX_TOOLS {
        return Err(GeminiRefusal::saying(
            "The number of function declarations must not exceed 512.",
        ));
    }
    let mut names = BTreeSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[0].function_declarations[{index}]");
        check_name(&tool.function.name, &at)?;
        if !names.insert(tool.function.name.as_str()) {
            let name = &tool.function.name;
            return Err(GeminiRefusal::saying(&format!(
                "Duplicate function declaration found: {name}"
            )));
        }
        if !tool.function.parameters.is_null() {
            check_schema(&tool.function.parameters, &FieldPath::root(&at), 0)?;
        }
    }
    let bytes: usize = tools.iter().map(|tool| tool.function.parameters.to_string().len()).sum();
    if bytes > MAX_SCHEMA_BYTES { Err(GeminiRefusal::of("e400_too_many_states")) } else { Ok(()) }
}

/// The path of a field, as the two layers of Google's validation write it.
struct FieldPath {
    /// By position, for keys that the proto does not have.
    proto: String,
    /// By name, for values that the service refuses.
    named: String,
}

impl FieldPath {
    fn root(at: &str) -> Self {
        let named = format!("* GenerateContentRequest.{at}.parameters");
        Self { proto: format!("{at}.parameters"), named }
    }

    fn property(&self, index: usize, name: &str) -> Self {
        Self {
            proto: format!("{}.properties[{index}].value", self.proto),
            named: format!("{}.properties[{name}]", self.named),
        }
    }

    fn below(&self, step: &str) -> Self {
        Self { proto: format!("{}.{step}", self.proto), named: format!("{}.{step}", self.named) }
    }

    fn unknown(&self, key: &str, why: &str) -> GeminiRefusal {
        let path = &self.proto;
        GeminiRefusal::saying(&format!(
            "Invalid JSON payload received. Unknown name \"{key}\" at '{path}': {why}"
        ))
    }

    fn invalid(&self, key: &str, kind: &str, value: &Value) -> GeminiRefusal {
        let path = &self.proto;
        GeminiRefusal::saying(&format!("Invalid value at '{path}.{key}' ({kind}), {value}"))
    }

    fn wrong(&self, why: &str) -> GeminiRefusal {
        GeminiRefusal::saying(&format!("{}{why}", self.named))
    }
}

/// Deeper than any useful schema.
const MAX_DEPTH: usize = 32;

fn check_name(name: &str, at: &str) -> Result<(), GeminiRefusal> {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if starts && goes_on && name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(GeminiRefusal::saying(&format!(
        "* GenerateContentRequest.{at}.name: Invalid function name. Must start with a letter or \
         an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.) or dashes \
         (-), with a maximum length of 64."
    )))
}

fn check_schema(schema: &Value, path: &FieldPath, depth: usize) -> Result<(), GeminiRefusal> {
    let Some(schema) = schema.as_object().filter(|_| depth < MAX_DEPTH) else {
        return Err(path.wrong(": must be a schema of no more than 32 levels"));
    };
    for (key, value) in schema {
        check_keyword(key, value, path)?;
    }
    check_type(schema, path)?;
    let properties = schema.get("properties").and_then(Value::as_object);
    for (index, (name, property)) in properties.into_iter().flatten().enumerate() {
        check_schema(property, &path.property(index, name), depth + 1)?;
    }
    if let Some(items) = schema.get("items") {
        check_schema(items, &path.below("items"), depth + 1)?;
    }
    let choices = schema.get("anyOf").and_then(Value::as_array);
    for (index, choice) in choices.into_iter().flatten().enumerate() {
        check_schema(choice, &path.below(&format!("any_of[{index}]")), depth + 1)?;
    }
    Ok(())
}

fn check_keyword(key: &str, value: &Value, path: &FieldPath) -> Result<(), GeminiRefusal> {
    if !KEYWORDS.contains(&key) {
        return Err(path.unknown(key, "Cannot find field."));
    }
    if value.is_null() {
        return Err(path.invalid(key, "TYPE_UNSPECIFIED", value));
    }
    if key == "type" && value.is_array() {
        return Err(path.unknown(key, "Proto field is not repeating, cannot start list."));
    }
    let listed = value.as_array().filter(|_| key == "enum").into_iter().flatten();
    match listed.enumerate().find(|(_, value)| !value.is_string()) {
        Some((index, value)) => Err(path.invalid(&format!("enum[{index}]"), "TYPE_STRING", value)),
        None => Ok(()),
    }
}

fn check_type(schema: &Map<String, Value>, path: &FieldPath) -> Result<(), GeminiRefusal> {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let format = schema.get("format").and_then(Value::as_str);
    let properties = schema.get("properties").and_then(Value::as_object);
    match (kind.as_str(), format) {
        ("object", _) if properties.is_none_or(Map::is_empty) => {
            return Err(path.wrong(".properties: should be non-empty for OBJECT type"));
        }
        ("array", _) if !schema.contains_key("items") => {
            return Err(path.wrong(".items: missing field."));
        }
        (kind, Some(format)) if !format_is_known(kind, format) => {
            let kind = kind.to_uppercase();
            return Err(
                path.wrong(&format!(".format: \"{format}\" is not supported for {kind} type"))
            );
        }
        (kind, _) if kind != "string" && schema.contains_key("enum") => {
            return Err(path.wrong(".enum: only allowed for STRING type"));
        }
        _ => {}
    }
    check_required(schema, path)
}

fn format_is_known(kind: &str, format: &str) -> bool {
    match kind {
        "string" => matches!(format, "enum" | "date-time"),
        "number" => matches!(format, "float" | "double"),
        "integer" => matches!(format, "int32" | "int64"),
        _ => false,
    }
}

fn check_required(schema: &Map<String, Value>, path: &FieldPath) -> Result<(), GeminiRefusal> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let known = |name: &Value| {
        name.as_str().is_some_and(|name| properties.is_some_and(|all| all.contains_key(name)))
    };
    match required.into_iter().flatten().position(|name| !known(name)) {
        Some(index) => Err(path.wrong(&format!(".required[{index}]: property is not defined"))),
        None => Ok(()),
    }
}
