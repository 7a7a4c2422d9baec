//! Keywords of plain values: which may stay, and which go into the description as words.

use serde_json::{Map, Value, json};

pub(super) fn string(flat: &Map<String, Value>) -> Map<String, Value> {
    let mut reduced = limits("string", flat);
    let choices = strings_allowed(flat);
    if !choices.is_empty() {
        reduced.insert("enum".to_owned(), Value::Array(choices));
    }
    reduced
}

pub(super) fn scalar(kind: &str, flat: &Map<String, Value>) -> Map<String, Value> {
    if kind == "string" { string(flat) } else { limits(kind, flat) }
}

/// The type and those of its limits that Gemini accepts.
pub(super) fn limits(kind: &str, flat: &Map<String, Value>) -> Map<String, Value> {
    let mut reduced = Map::from_iter([("type".to_owned(), json!(kind))]);
    let mut keep = |key: &str, is_fine: fn(&Value) -> bool| {
        if let Some(value) = flat.get(key).filter(|value| is_fine(value)) {
            reduced.insert(key.to_owned(), value.clone());
        }
    };
    match kind {
        "object" => ["minProperties", "maxProperties"].map(|key| keep(key, Value::is_u64)),
        "array" => ["minItems", "maxItems"].map(|key| keep(key, Value::is_u64)),
        "string" => {
            keep("pattern", Value::is_string);
            ["minLength", "maxLength"].map(|key| keep(key, Value::is_u64))
        }
        "integer" | "number" => ["minimum", "maximum"].map(|key| keep(key, Value::is_number)),
        _ => [(), ()],
    };
    if kind == "integer" {
        tighten(&mut reduced, flat);
    }
    if let Some(format) = flat.get("format").filter(|format| may_stay(kind, format)) {
        reduced.insert("format".to_owned(), format.clone());
    }
    reduced
}

/// The description, followed by what has no keyword, in words.
pub(super) fn describe(reduced: &mut Map<String, Value>, flat: &Map<String, Value>) {
    let own = flat.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
    let inner =
        reduced.get("description").and_then(Value::as_str).filter(|text| Some(*text) != own);
    let mut told: Vec<String> = inner.map(str::to_owned).into_iter().collect();
    told.extend(notes(reduced, flat).into_iter().filter(|note| Some(&**note) != inner));
    let notes = told.join("; ");
    let description = match (own, notes.is_empty()) {
        (Some(own), true) => own.to_owned(),
        (Some(own), false) => format!("{own} ({notes})"),
        (None, false) => notes,
        (None, true) => return,
    };
    reduced.insert("description".to_owned(), Value::String(description));
}

/// Whether `null` is allowed, in any of the ways in which schemas say so.
pub(super) fn may_be_null(flat: &Map<String, Value>) -> bool {
    let names_null = |value: &Value| value == "null" || value == "NULL";
    let lists = |key: &str, is_null: &dyn Fn(&Value) -> bool| {
        flat.get(key).and_then(Value::as_array).is_some_and(|list| list.iter().any(is_null))
    };
    flat.get("nullable") == Some(&Value::Bool(true))
        || ["default", "const"].iter().any(|key| flat.get(*key).is_some_and(Value::is_null))
        || flat.get("type").is_some_and(names_null)
        || lists("type", &names_null)
        || lists("enum", &Value::is_null)
        || ["anyOf", "oneOf"].iter().any(|key| lists(key, &is_null_schema))
}

/// A schema that only `null` satisfies.
pub(super) fn is_null_schema(schema: &Value) -> bool {
    let says_null = |key: &str| schema.get(key).is_some_and(Value::is_null);
    let only_null = schema
        .get("enum")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_null));
    schema.get("type").is_some_and(|kind| kind == "null") || says_null("const") || only_null
}

/// The type that the keywords imply, if any.
pub(super) fn implied_type(flat: &Map<String, Value>) -> Option<&'static str> {
    let has = |keys: &[&str]| keys.iter().any(|key| flat.contains_key(*key));
    let mut values = allowed(flat).filter(|value| !value.is_null()).peekable();
    if has(&["properties"]) {
        Some("object")
    } else if has(&["items", "prefixItems"]) {
        Some("array")
    } else if values.peek().is_some() {
        let values: Vec<_> = values.collect();
        let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value));
        let number = all(Value::is_number).then_some("number");
        number.or(all(Value::is_boolean).then_some("boolean"))
    } else {
        has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]).then_some("number")
    }
}

fn allowed(flat: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let listed = flat.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    listed.unwrap_or_default().iter().chain(flat.get("const"))
}

fn strings_allowed(flat: &Map<String, Value>) -> Vec<Value> {
    let mut strings: Vec<Value> = Vec::new();
    for value in allowed(flat).filter(|value| value.as_str().is_some_and(|text| !text.is_empty())) {
        if !strings.contains(value) {
            strings.push(value.clone());
        }
    }
    strings
}

/// For integers `x > 3` is `x >= 4`, and `exclusiveMinimum` is not accepted. The tighter bound
/// wins.
fn tighten(reduced: &mut Map<String, Value>, flat: &Map<String, Value>) {
    let set = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_i64);
    let least = set(flat, "exclusiveMinimum").and_then(|bound| bound.checked_add(1));
    if let Some(least) = least.max(set(reduced, "minimum")) {
        reduced.insert("minimum".to_owned(), json!(least));
    }
    let most = set(flat, "exclusiveMaximum").and_then(|bound| bound.checked_sub(1));
    let most = [most, set(reduced, "maximum")].into_iter().flatten().min();
    if let Some(most) = most {
        reduced.insert("maximum".to_owned(), json!(most));
    }
}

fn may_stay(kind: &str, format: &Value) -> bool {
    let format = format.as_str().unwrap_or_default();
    match kind {
        "string" => matches!(format, "enum" | "date-time"),
        "number" => matches!(format, "float" | "double"),
        "integer" => matches!(format, "int32" | "int64"),
        _ => false,
    }
}

fn notes(reduced: &Map<String, Value>, flat: &Map<String, Value>) -> Vec<String> {
    let kind = reduced.get("type").and_then(Value::as_str).unwrap_or_default();
    let mut notes = Vec::new();
    if let Some(Value::String(format)) = flat.get("format")
        && kind == "string"
        && !reduced.contains_key("format")
    {
        notes.push(format!("format: {format}"));
    }
    let values: Vec<_> = allowed(flat).filter(|value| is_of(kind, value)).collect();
    if !values.is_empty() {
        let values: Vec<_> = values.into_iter().map(Value::to_string).collect();
        notes.push(format!("one of: {}", values.join(", ")));
    }
    for (key, words) in [("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than")] {
        let is_untold = kind == "number" || (kind == "integer" && is_fraction(flat.get(key)));
        if let Some(bound) = flat.get(key).filter(|bound| bound.is_number() && is_untold) {
            notes.push(format!("{words} {bound}"));
        }
    }
    if let Some(step) = flat.get("multipleOf").filter(|step| step.is_number() && is_number(kind)) {
        notes.push(format!("a multiple of {step}"));
    }
    if kind == "array" && flat.get("uniqueItems") == Some(&Value::Bool(true)) {
        notes.push("no value twice".to_owned());
    }
    notes
}

fn is_number(kind: &str) -> bool {
    matches!(kind, "integer" | "number")
}

fn is_fraction(bound: Option<&Value>) -> bool {
    bound.is_some_and(|bound| bound.as_i64().is_none())
}

/// Values that can only be described, because `enum` accepts strings only.
fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "boolean" => value.is_boolean(),
        kind => is_number(kind) && value.is_number(),
    }
}
