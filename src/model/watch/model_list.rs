//! A provider's list of its models, in whatever shape it comes.

use serde_json::Value;

use super::likeness::may_be;

/// Whether the list has the model; `None` if there is no list to be read, or only a part of one.
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

/// Pages after the first are not asked for: nothing is said then rather than something wrong.
fn goes_on(body: &Value) -> bool {
    let is_paged =
        |key: &str| body.get(key).and_then(Value::as_str).is_some_and(|at| !at.is_empty());
    body.get("has_more") == Some(&Value::Bool(true)) || is_paged("nextPageToken")
}
