//! Requests of the ChatKit protocol that are read and refused, because they are not offered yet.

use serde::Deserialize;
use serde_json::{Number, Value};

use super::super::error::ApiError;
use super::super::intake::form::form;
use base::domain::{ItemId, ThreadId};

/// Every type of request in the protocol, offered or not.
pub(crate) const TYPES: &[&str] = &[
    "threads.create",
    "threads.add_user_message",
    "threads.retry_after_item",
    "threads.add_structured_input",
    "threads.add_client_tool_output",
    "threads.custom_action",
    "threads.sync_custom_action",
    "threads.get_by_id",
    "threads.list",
    "threads.update",
    "threads.delete",
    "items.list",
    "items.feedback",
    "attachments.create",
    "attachments.delete",
    "input.transcribe",
];

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct ToolOutputParams {
    thread_id: ThreadId,
    result: Value,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct ActionParams {
    thread_id: ThreadId,
    #[serde(default)]
    item_id: Option<ItemId>,
    action: Action,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Action {
    r#type: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct AttachmentParams {
    name: String,
    size: Number,
    mime_type: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct AttachmentIdParams {
    attachment_id: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct DictationParams {
    audio_base64: String,
    mime_type: String,
}

/// Why a request of this type is refused: its form is wrong, or it is not offered, or unknown.
pub(crate) fn refusal(kind: &str, params: &Value) -> ApiError {
    let refused = |what, streams| ApiError::NotOffered { what, streams };
    let (formed, refusal) = match kind {
        "threads.add_client_tool_output" => {
            (form::<ToolOutputParams>("/params", params).map(drop), refused("client tools", true))
        }
        "threads.custom_action" => {
            (form::<ActionParams>("/params", params).map(drop), refused("widgets", true))
        }
        "threads.sync_custom_action" => {
            (form::<ActionParams>("/params", params).map(drop), refused("widgets", false))
        }
        "attachments.create" => {
            (form::<AttachmentParams>("/params", params).map(drop), refused("attachments", false))
        }
        "attachments.delete" => {
            (form::<AttachmentIdParams>("/params", params).map(drop), refused("attachments", false))
        }
        "input.transcribe" => {
            (form::<DictationParams>("/params", params).map(drop), refused("dictation", false))
        }
        _ => (Ok(()), ApiError::UnknownType),
    };
    // Read although it is refused, so that a client under development learns of a wrong form.
    formed.err().unwrap_or(refusal)
}
