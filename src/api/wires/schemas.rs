//! What clients send, exactly as it is on the wire. The rules for it are in `rules`.

use std::collections::BTreeMap;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use validator::{Validate, ValidationError};

use super::super::error::ApiError;
use super::super::intake::form::{form, object};
use super::super::intake::rules::{
    InputLimits, is_offered, is_time_zone, is_title, obeys_answer_rules, obeys_message_rules,
    obeys_part_rules, obeys_quote_rules,
};
use super::unoffered;
use base::domain::{Answers, ItemId, Order, PageRequest, ThreadId, UserContent};
use chat::Rating;

/// Rows of a page if the request has no limit.
const DEFAULT_LIMIT: u32 = 20;
/// The history panel of ChatKit's component requests this many.
const MAX_LIMIT: u32 = 9_999;

#[derive(Debug)]
pub(crate) enum ChatKitRequest {
    /// Begins a turn; the answer is a stream.
    Turn(TurnParams, Metadata),
    /// A thread with its oldest items.
    GetThread(ThreadId),
    /// Threads, without their items.
    ListThreads(PageRequest),
    ListItems(ThreadId, PageRequest),
    Update(ThreadId, Title),
    Delete(ThreadId),
    Feedback(ThreadId, Vec<ItemId>, Rating),
}

#[derive(Debug)]
pub(crate) enum TurnParams {
    /// A message, in a new thread or an existing one.
    Message(Option<ThreadId>, Box<UserMessageInput>),
    /// A message that is to be answered again.
    Retry(ThreadId, ItemId),
    /// Answers to a form.
    Answers(ThreadId, ItemId, AnswersInput),
}

#[derive(Debug, Validate)]
pub(crate) struct Title {
    #[validate(custom(function = is_title))]
    pub(crate) title: String,
}

#[derive(Debug, Deserialize, Validate)]
#[serde(transparent)]
#[validate(context = InputLimits)]
pub(crate) struct AnswersInput {
    #[validate(custom(function = obeys_answer_rules, use_context))]
    pub(crate) input: Answers,
}

/// The short form of `/chat`. Unknown fields are refused: a misspelt one would be ignored silently.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[validate(context = InputLimits)]
pub(crate) struct ShortForm {
    /// This or `prompt`.
    #[serde(default, deserialize_with = "present")]
    #[validate(custom(function = obeys_message_rules, use_context))]
    pub(crate) message: Option<String>,
    /// A prompt of a tool server.
    #[serde(default, deserialize_with = "present")]
    pub(crate) prompt: Option<PromptForm>,
    pub(crate) thread_id: Option<ThreadId>,
    #[validate(custom(function = is_time_zone))]
    pub(crate) time_zone: Option<String>,
    #[validate(custom(function = is_offered, use_context))]
    pub(crate) model: Option<String>,
}

/// A prompt to start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptForm {
    #[serde(default, deserialize_with = "present")]
    pub(crate) server: Option<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, String>,
}

/// The answer of the short form to a `confirmation`: one of the two, with its id.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmationForm {
    pub(crate) thread_id: ThreadId,
    pub(crate) approve: Option<ItemId>,
    pub(crate) decline: Option<ItemId>,
    /// Approves these calls only; the others are declined.
    #[serde(default)]
    #[validate(length(min = 1, max = 100, message = "1 to 100 calls are taken."))]
    pub(crate) calls: Option<Vec<String>>,
    #[validate(custom(function = is_time_zone))]
    pub(crate) time_zone: Option<String>,
}

#[derive(Debug, Deserialize, Validate)]
#[validate(context = InputLimits)]
pub(crate) struct UserMessageInput {
    #[validate(custom(function = obeys_part_rules, use_context))]
    pub(crate) content: Vec<UserContent>,
    #[validate(length(max = 0, message = "This server takes no attachments yet."))]
    pub(crate) attachments: Vec<String>,
    #[serde(deserialize_with = "object")]
    #[validate(custom(function = chooses_what_is_offered, use_context))]
    pub(crate) inference_options: InferenceOptions,
    #[serde(default)]
    #[validate(custom(function = obeys_quote_rules, use_context))]
    pub(crate) quoted_text: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct InferenceOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ToolChoice {
    id: String,
}

/// What a front end may add to any request; only known members are read.
#[derive(Debug, Default, Deserialize, Validate)]
pub(crate) struct Metadata {
    #[serde(default)]
    #[validate(custom(function = is_time_zone))]
    pub(crate) time_zone: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    #[serde(default, deserialize_with = "object")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct CreateParams {
    #[serde(deserialize_with = "object")]
    input: Box<UserMessageInput>,
}

#[derive(Deserialize)]
struct AddParams {
    thread_id: ThreadId,
    #[serde(deserialize_with = "object")]
    input: Box<UserMessageInput>,
}

#[derive(Deserialize)]
struct ThreadParams {
    thread_id: ThreadId,
}

#[derive(Deserialize)]
struct ItemParams {
    thread_id: ThreadId,
    item_id: ItemId,
}

#[derive(Deserialize)]
struct AnswerParams {
    thread_id: ThreadId,
    item_id: ItemId,
    #[serde(deserialize_with = "object")]
    input: AnswersInput,
}

#[derive(Deserialize)]
struct UpdateParams {
    thread_id: ThreadId,
    title: String,
}

#[derive(Deserialize)]
struct FeedbackParams {
    thread_id: ThreadId,
    item_ids: Vec<ItemId>,
    kind: Rating,
}

#[derive(Deserialize)]
struct ItemsParams {
    thread_id: ThreadId,
    #[serde(default, deserialize_with = "lenient_limit")]
    limit: Option<u32>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    after: Option<ItemId>,
}

#[derive(Deserialize)]
struct ThreadsParams {
    #[serde(default, deserialize_with = "lenient_limit")]
    limit: Option<u32>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    after: Option<ThreadId>,
}

impl ChatKitRequest {
    /// Reads a request; unknown fields are ignored.
    pub(crate) fn parse(body: &Value) -> Result<Self, ApiError> {
        let Envelope { r#type, metadata } = form("", body)?;
        let params = body.get("params").unwrap_or(&Value::Null);
        Ok(match r#type.as_str() {
            "threads.get_by_id" => {
                Self::GetThread(form::<ThreadParams>("/params", params)?.thread_id)
            }
            "threads.list" => {
                let ThreadsParams { limit, order, after } = form("/params", params)?;
                Self::ListThreads(page(limit, order, after.map(|id| id.to_string())))
            }
            "items.list" => {
                let ItemsParams { thread_id, limit, order, after } = form("/params", params)?;
                Self::ListItems(thread_id, page(limit, order, after.map(|id| id.to_string())))
            }
            "threads.update" => {
                let UpdateParams { thread_id, title } = form("/params", params)?;
                Self::Update(thread_id, Title { title })
            }
            "threads.delete" => Self::Delete(form::<ThreadParams>("/params", params)?.thread_id),
            "items.feedback" => {
                let FeedbackParams { thread_id, item_ids, kind } = form("/params", params)?;
                Self::Feedback(thread_id, item_ids, kind)
            }
            kind => Self::Turn(TurnParams::parse(kind, params)?, metadata),
        })
    }
}

impl TurnParams {
    fn parse(kind: &str, params: &Value) -> Result<Self, ApiError> {
        Ok(match kind {
            "threads.create" => Self::Message(None, form::<CreateParams>("/params", params)?.input),
            "threads.add_user_message" => {
                let AddParams { thread_id, input } = form("/params", params)?;
                Self::Message(Some(thread_id), input)
            }
            "threads.retry_after_item" => {
                let ItemParams { thread_id, item_id } = form("/params", params)?;
                Self::Retry(thread_id, item_id)
            }
            "threads.add_structured_input" => {
                let AnswerParams { thread_id, item_id, input } = form("/params", params)?;
                Self::Answers(thread_id, item_id, input)
            }
            kind => return Err(unoffered::refusal(kind, params)),
        })
    }
}

impl ConfirmationForm {
    /// `None` if the body is something else.
    pub(crate) fn parse(body: &Value) -> Result<Option<Self>, ApiError> {
        let is_one = ["approve", "decline"].iter().any(|member| body.get(member).is_some());
        if is_one { form("", body).map(Some) } else { Ok(None) }
    }
}

impl ShortForm {
    pub(crate) fn parse(body: &Value) -> Result<Self, ApiError> {
        form("", body)
    }
}

impl InferenceOptions {
    /// For a message that chooses at most its model.
    pub(crate) fn of_model(model: Option<String>) -> Self {
        Self { model, ..Self::default() }
    }

    /// As it is stored: only what was chosen.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        }
    }
}

fn chooses_what_is_offered(
    options: &InferenceOptions,
    limits: &InputLimits,
) -> Result<(), ValidationError> {
    options.model.as_deref().map_or(Ok(()), |id| is_offered(id, limits))
}

/// A member that may be absent, and is no null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

fn page(limit: Option<u32>, order: Order, after: Option<String>) -> PageRequest {
    let limit = limit.filter(|&limit| limit > 0).unwrap_or(DEFAULT_LIMIT);
    PageRequest { limit: limit.min(MAX_LIMIT), order, after }
}

/// A number, or a number as text, with no upper limit; null counts as absent.
fn lenient_limit<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u32>, D::Error> {
    let digits = match Value::deserialize(input)? {
        Value::Null => return Ok(None),
        // To JSON 20.0 and 1e9 are whole numbers too.
        Value::Number(number) => number.as_f64().map(|number| number.to_string()),
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = digits
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()))
        .map(|digits| digits.parse().unwrap_or(u32::MAX));
    let found = Unexpected::Other("another value");
    number.map(Some).ok_or_else(|| Error::invalid_value(found, &"a whole number"))
}
