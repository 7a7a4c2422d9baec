//! From the wire to a message that keeps the rules, or to everything that is wrong with it.

use validator::{Validate, ValidateArgs, ValidationErrors};

use super::error::{ApiError, BrokenRule};
use super::rules::{Limits, zone};
use super::schemas::{Metadata, ShortForm, UserMessageInput};
use crate::chat::NewMessage;
use crate::domain::{ThreadId, UserContent, clean};

/// The short form, checked.
pub(super) fn from_short_form(
    form: ShortForm,
    limits: &Limits,
    request_id: String,
) -> Result<NewMessage, ApiError> {
    form.validate_with_args(limits).map_err(|errors| rules("", &errors))?;
    let text = clean(&form.message);
    Ok(NewMessage {
        thread: form.thread_id.map(ThreadId::from),
        content: vec![UserContent::InputText { text }],
        quoted_text: None,
        inference_options: serde_json::Map::new(),
        time_zone: form.time_zone.as_deref().and_then(zone),
        request_id,
    })
}

/// A message of the ChatKit protocol, checked.
pub(super) fn from_chatkit(
    thread: Option<ThreadId>,
    input: UserMessageInput,
    metadata: &Metadata,
    limits: &Limits,
) -> Result<NewMessage, ApiError> {
    input.validate_with_args(limits).map_err(|errors| rules("/params/input", &errors))?;
    metadata.validate().map_err(|errors| rules("/metadata", &errors))?;
    Ok(NewMessage {
        thread,
        content: input.content.into_iter().map(cleaned).collect(),
        quoted_text: input.quoted_text.as_deref().map(clean),
        inference_options: input.inference_options.into_map(),
        time_zone: metadata.time_zone.as_deref().and_then(zone),
        request_id: String::new(),
    })
}

fn cleaned(part: UserContent) -> UserContent {
    match part {
        UserContent::InputText { text } => UserContent::InputText { text: clean(&text) },
        UserContent::InputTag { id, text, data, group, interactive } => {
            UserContent::InputTag { id, text: clean(&text), data, group, interactive }
        }
    }
}

/// validator keeps the refused value beside each error; only code and message leave this room.
fn rules(prefix: &str, errors: &ValidationErrors) -> ApiError {
    let mut broken: Vec<BrokenRule> = errors
        .field_errors()
        .into_iter()
        .flat_map(|(field, errors)| errors.iter().map(move |error| (field.clone(), error)))
        .map(|(field, error)| BrokenRule {
            pointer: format!("{prefix}/{field}"),
            code: error.code.to_string(),
            message: error.message.as_deref().unwrap_or("This value breaks a rule.").to_owned(),
        })
        .collect();
    broken.sort_by(|a, b| (&a.pointer, &a.code).cmp(&(&b.pointer, &b.code)));
    ApiError::Rules(broken)
}
