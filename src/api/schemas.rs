//! What clients send, exactly as the wire has it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use validator::Validate;

use super::error::ApiError;
use super::rules::{
    Limits, is_time_zone, obeys_message_rules, obeys_part_rules, obeys_quote_rules,
};
use crate::domain::{Order, PageRequest, ThreadId, UserContent};

/// Rows of a page unless asked otherwise.
const DEFAULT_LIMIT: u32 = 20;
/// The history panel asks for this many.
const MAX_LIMIT: u32 = 9_999;

/// A request of the ChatKit protocol.
#[derive(Debug)]
pub(super) enum ChatKitRequest {
    /// Begins a turn, in a new thread or an old one; answered by a stream.
    Message { thread: Option<ThreadId>, input: Box<UserMessageInput>, metadata: Metadata },
    /// A thread with the oldest of its items.
    GetThread(ThreadId),
    /// Threads, without their items.
    ListThreads(PageRequest),
    /// A thread's items.
    ListItems(ThreadId, PageRequest),
}

/// The short form of `/chat`.
#[derive(Debug, Deserialize, Validate)]
#[validate(context = Limits)]
pub(super) struct ShortForm {
    #[validate(custom(function = obeys_message_rules, use_context))]
    pub(super) message: String,
    #[validate(length(min = 1, max = 128, message = "A thread id has 1 to 128 characters."))]
    pub(super) thread_id: Option<String>,
    #[validate(custom(function = is_time_zone))]
    pub(super) time_zone: Option<String>,
}

/// A user's message.
#[derive(Debug, Deserialize, Validate)]
#[validate(context = Limits)]
pub(super) struct UserMessageInput {
    #[validate(custom(function = obeys_part_rules, use_context))]
    pub(super) content: Vec<UserContent>,
    #[validate(length(max = 0, message = "This server takes no attachments yet."))]
    pub(super) attachments: Vec<String>,
    pub(super) inference_options: InferenceOptions,
    #[serde(default)]
    #[validate(custom(function = obeys_quote_rules, use_context))]
    pub(super) quoted_text: Option<String>,
}

/// What the user chose for one message.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct InferenceOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ToolChoice {
    id: String,
}

/// What a front end may add to any request; only what we know is read.
#[derive(Debug, Default, Deserialize, Validate)]
pub(super) struct Metadata {
    #[serde(default)]
    #[validate(custom(function = is_time_zone))]
    pub(super) time_zone: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct CreateParams {
    input: Box<UserMessageInput>,
}

#[derive(Deserialize)]
struct AddParams {
    thread_id: ThreadId,
    input: Box<UserMessageInput>,
}

#[derive(Deserialize)]
struct ThreadParams {
    thread_id: ThreadId,
}

#[derive(Deserialize)]
struct ItemsParams {
    thread_id: ThreadId,
    #[serde(flatten)]
    page: PageParams,
}

#[derive(Deserialize)]
struct PageParams {
    #[serde(default, deserialize_with = "lenient_limit")]
    limit: Option<u32>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    after: Option<String>,
}

impl ChatKitRequest {
    /// Reads a request; fields we do not know are ignored.
    pub(super) fn parse(body: Value) -> Result<Self, ApiError> {
        let Envelope { r#type, params, metadata } = form(body)?;
        Ok(match r#type.as_str() {
            "threads.create" => {
                let CreateParams { input } = form(params)?;
                Self::Message { thread: None, input, metadata }
            }
            "threads.add_user_message" => {
                let AddParams { thread_id, input } = form(params)?;
                Self::Message { thread: Some(thread_id), input, metadata }
            }
            "threads.get_by_id" => Self::GetThread(form::<ThreadParams>(params)?.thread_id),
            "threads.list" => Self::ListThreads(form::<PageParams>(params)?.into()),
            "items.list" => {
                let ItemsParams { thread_id, page } = form(params)?;
                Self::ListItems(thread_id, page.into())
            }
            _ => return Err(ApiError::UnknownType),
        })
    }
}

impl ShortForm {
    /// Reads the short form.
    pub(super) fn parse(body: Value) -> Result<Self, ApiError> {
        form(body)
    }
}

impl InferenceOptions {
    /// As it is kept: only what was chosen.
    pub(super) fn into_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        }
    }
}

impl From<PageParams> for PageRequest {
    fn from(params: PageParams) -> Self {
        let limit = params.limit.filter(|&limit| limit > 0).unwrap_or(DEFAULT_LIMIT);
        Self { limit: limit.min(MAX_LIMIT), order: params.order, after: params.after }
    }
}

fn form<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, ApiError> {
    T::deserialize(value).map_err(|error| ApiError::WrongForm(without_values(&error.to_string())))
}

/// serde quotes what it found between backticks or quotes; only names of fields may pass.
fn without_values(message: &str) -> String {
    let names_a_field =
        message.starts_with("missing field") || message.starts_with("duplicate field");
    if names_a_field {
        return message.to_owned();
    }
    match message.split_once("expected ") {
        Some((_, expected)) => format!("something else was found where {expected} is expected"),
        None => "a field has a value of the wrong kind".to_owned(),
    }
}

/// A number, or a number written as text; null is as good as nothing.
fn lenient_limit<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Limit {
        Number(u32),
        Text(String),
    }
    match Option::<Limit>::deserialize(input)? {
        None => Ok(None),
        Some(Limit::Number(number)) => Ok(Some(number)),
        Some(Limit::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}
