//! Decides from a tool's answer whether the call worked.

use serde_json::Value;

use super::lookup::{Todo, read_todo};

/// Limit of a tool's own text when it is shown.
const LONGEST: usize = 300;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::brain) enum Outcome {
    /// It worked. With the todo, if the answer has it.
    Worked(Option<Todo>),
    /// It failed, with the tool's text.
    Failed(String),
    Silent,
}

impl Outcome {
    pub(in crate::brain) fn todo(&self) -> Option<&Todo> {
        match self {
            Self::Worked(todo) => todo.as_ref(),
            Self::Failed(_) | Self::Silent => None,
        }
    }
}

/// JSON without an error is success. The text of other tools is a failure if it sounds like one: a
/// false alarm is better than a false "done".
pub(in crate::brain) fn outcome(output: Option<&str>) -> Outcome {
    let Some(output) = output.map(str::trim) else { return Outcome::Silent };
    match serde_json::from_str::<Value>(output) {
        Ok(Value::String(text)) => plain(&text),
        Ok(value) => structured(&value),
        Err(_) => plain(output),
    }
}

pub(in crate::brain) fn short(text: &str) -> String {
    let cut: String = text.trim().chars().take(LONGEST).collect();
    if cut.len() < text.trim().len() { format!("{cut}…") } else { cut }
}

fn structured(value: &Value) -> Outcome {
    let flagged =
        ["isError", "is_error"].iter().any(|name| value.get(*name) == Some(&Value::Bool(true)));
    let refused = [value.get("success"), value.get("ok")].contains(&Some(&Value::Bool(false)));
    let error =
        value.get("error").filter(|error| !error.is_null() && **error != Value::Bool(false));
    let told = error.or_else(|| value.get("message")).unwrap_or(value);
    if flagged || refused || error.is_some() {
        let inner = told.get("message").unwrap_or(told);
        return Outcome::Failed(short(
            &inner.as_str().map_or_else(|| inner.to_string(), ToOwned::to_owned),
        ));
    }
    Outcome::Worked(read_todo(value))
}

fn plain(text: &str) -> Outcome {
    const SIGNS: [&str; 18] = [
        "error",
        "fail",
        "invalid",
        "not found",
        "there is no",
        "does not",
        "did not",
        "cannot",
        "can't",
        "could not",
        "unable",
        "unknown",
        "denied",
        "timed out",
        "unavailable",
        "must ",
        "broke",
        "too long",
    ];
    let lower = text.to_lowercase();
    if SIGNS.iter().any(|sign| lower.contains(sign)) {
        Outcome::Failed(short(text))
    } else {
        Outcome::Worked(None)
    }
}
