//! Reads a provider's list of models, whatever its shape.

use serde_json::Value;

use super::likeness::may_be;

/// Whether the list has the model; `None` if it cannot be read, or is only a part.
pub fn lists(body: &[u8], model: &str) -> Option<bool> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let entries = [Some(&body), body.get("data"), body.get("models")];
    let entries = entries.into_iter().flatten().find_map(Value::as_array)?;
    let mut names = entries.iter().filter_map(name_of).peekable();
    names.peek()?;
    let is_listed = names.any(|name| may_be(model, name));
    if !is_listed && goes_on(&body) { None } else { Some(is_listed) }
}

fn name_of(entry: &Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("id")?.as_str()).or_else(|| entry.get("name")?.as_str())
}

/// Further pages are not requested: no warning is better than a wrong one (ADR 17).
fn goes_on(body: &Value) -> bool {
    let is_paged =
        |key: &str| body.get(key).and_then(Value::as_str).is_some_and(|at| !at.is_empty());
    body.get("has_more") == Some(&Value::Bool(true)) || is_paged("nextPageToken")
}
