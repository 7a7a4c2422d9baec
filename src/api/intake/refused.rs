//! What the log says about a refusal: its code and the places of its faults, never a value.

use axum::response::Response;

use super::super::error::{ApiError, BrokenRule};

/// The names of our own fields. Any other name was chosen by the client and may be user text.
const FIELDS: &[&str] = &[
    "answers",
    "attachments",
    "content",
    "days",
    "headers",
    "id",
    "idempotency-key",
    "inference_options",
    "input",
    "item_id",
    "item_ids",
    "kind",
    "limit",
    "message",
    "metadata",
    "model",
    "order",
    "params",
    "query",
    "quoted_text",
    "skipped",
    "status",
    "text",
    "thread_id",
    "time_zone",
    "title",
    "tool_choice",
    "type",
    "values",
];

/// Passed with an answer to the log line about it.
#[derive(Clone, Debug)]
pub(crate) struct RefusedRequest {
    pub(crate) code: &'static str,
    /// The broken rules, each with its place.
    pub(crate) at: String,
    /// Whether it is one of many that the log tells in one line (`chat/places/overload`).
    pub(crate) is_one_of_many: bool,
}

/// Marks an answer as a refusal.
pub(crate) fn mark(response: &mut Response, error: &ApiError) {
    let at: Vec<_> = error.errors().iter().map(sentence).collect();
    response.extensions_mut().insert(RefusedRequest {
        code: error.code(),
        at: at.join(", "),
        is_one_of_many: *error == ApiError::Busy,
    });
}

fn sentence(rule: &BrokenRule) -> String {
    let ours = |part: &&str| FIELDS.contains(part) || part.parse::<usize>().is_ok();
    let known: Vec<_> = rule.pointer.split('/').skip(1).take_while(ours).collect();
    format!("/{} {}", known.join("/"), rule.code)
}
