//! Writes answers as other servers do, each with its peculiarities.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::conversation::{BrainAnswer, PlannedCall};
use crate::wire::delivery::{Delivery, JSON};
use crate::wire::ids::Ids;
use crate::wire::phrases::phrases;
use crate::wire::profile::Generation;
use crate::wire::reply::{ReplyStyle, Thoughts};
use crate::wire::steps::BodyStep;

/// A server with the same API and its own format of answers (the knob `dialect`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmulatedServer {
    #[default]
    Google,
    /// Arguments in pieces; usage in a chunk without choices.
    OpenAi,
    /// The same, with empty names and finish reasons where others omit them.
    NewApi,
    /// Thoughts as `reasoning`.
    Vllm,
    /// Thoughts as `reasoning_content`; timings next to the usage.
    LlamaCpp,
    /// Comments while it thinks.
    OpenRouter,
    /// Complete calls, all with index 0.
    Ollama,
}

/// Everything about an answer except its content.
struct Pen<'a> {
    dialect: EmulatedServer,
    style: &'a ReplyStyle,
    id: String,
}

const DONE: &str = "data: [DONE]\n\n";
const PROCESSING: &str = ": OPENROUTER PROCESSING\n\n";

impl EmulatedServer {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "google" => Self::Google,
            "openai" => Self::OpenAi,
            "newapi" => Self::NewApi,
            "vllm" => Self::Vllm,
            "llamacpp" => Self::LlamaCpp,
            "openrouter" => Self::OpenRouter,
            "ollama" => Self::Ollama,
            _ => return None,
        })
    }

    /// Including `[DONE]`.
    pub(super) fn events(self, answer: &BrainAnswer, style: &ReplyStyle, ids: &Ids) -> Vec<Bytes> {
        let pen = Pen { dialect: self, style, id: format!("chatcmpl-{}", ids.envelope()) };
        let comment = (self == Self::OpenRouter).then(|| PROCESSING.to_owned());
        let chunks = pen.chunks(answer, ids).into_iter().map(|chunk| format!("data: {chunk}\n\n"));
        comment.into_iter().chain(chunks).chain([DONE.to_owned()]).map(Bytes::from).collect()
    }

    /// For a request without `stream`.
    pub(super) fn completion(self, answer: &BrainAnswer, style: &ReplyStyle, ids: &Ids) -> Value {
        let pen = Pen { dialect: self, style, id: format!("chatcmpl-{}", ids.envelope()) };
        pen.completion(answer, ids)
    }

    pub(super) fn is_foreign(self) -> bool {
        self != Self::Google
    }

    /// Takes an error out of Google's array, which only Google uses. Leaves everything else.
    pub(super) fn error(self, delivery: Delivery) -> Delivery {
        match googles_error(&delivery).filter(|_| self.is_foreign()) {
            Some(error) => unwrapped(&delivery, &error),
            None => delivery,
        }
    }

    /// The member for thoughts, if this server shows them.
    fn thoughts(self) -> Option<&'static str> {
        match self {
            Self::Google | Self::OpenAi => None,
            Self::Vllm | Self::OpenRouter | Self::Ollama => Some("reasoning"),
            Self::NewApi | Self::LlamaCpp => Some("reasoning_content"),
        }
    }
}

fn googles_error(delivery: &Delivery) -> Option<Value> {
    let Some(BodyStep::Send(body)) = delivery.steps.front() else { return None };
    let body: Value = serde_json::from_slice(body).ok()?;
    body.pointer("/0/error").cloned()
}

fn unwrapped(delivery: &Delivery, error: &Value) -> Delivery {
    let kind = match delivery.status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "authentication_error",
        status if status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    let code = delivery.status.as_str();
    let error = json!({ "message": error.get("message"), "type": kind, "code": code });
    let body = json!({ "error": error }).to_string();
    let headers = delivery.headers.clone();
    Delivery { headers, head: delivery.head, ..Delivery::whole(delivery.status, JSON, body) }
}

impl Pen<'_> {
    fn chunks(&self, answer: &BrainAnswer, ids: &Ids) -> Vec<Value> {
        let mut deltas = vec![json!({ "role": "assistant", "content": self.first_content() })];
        deltas.extend(self.thoughts(answer));
        let texts = phrases(&answer.text, self.style.chars, ids).into_iter();
        deltas.extend(texts.map(|text| json!({ "content": text })));
        let calls = answer.calls.iter().enumerate();
        deltas.extend(calls.flat_map(|(index, call)| self.call(index, call, ids)));
        let mut chunks: Vec<Value> = deltas.into_iter().map(|delta| self.chunk(delta)).collect();
        chunks.push(self.finish(if answer.calls.is_empty() { "stop" } else { "tool_calls" }));
        chunks.extend(self.usage(answer));
        chunks
    }

    fn completion(&self, answer: &BrainAnswer, ids: &Ids) -> Value {
        let mut whole = self.counted(json!([self.message(answer, ids)]), answer);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("object".into(), "chat.completion".into());
        }
        whole
    }

    fn message(&self, answer: &BrainAnswer, ids: &Ids) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), "assistant".into());
        let silent = answer.text.is_empty() && !answer.calls.is_empty();
        let content = if silent { Value::Null } else { answer.text.as_str().into() };
        message.insert("content".into(), content);
        if let Some(field) = self.shown_thoughts().filter(|_| !answer.thoughts.is_empty()) {
            message.insert(field.into(), answer.thoughts.concat().into());
        }
        let call = |call| whole_call(call, &ids.call(Generation::Three));
        let calls: Vec<Value> = answer.calls.iter().map(call).collect();
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        if !calls.is_empty() {
            message.insert("tool_calls".into(), calls.into());
        }
        json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish })
    }

    fn first_content(&self) -> Value {
        if self.dialect == EmulatedServer::LlamaCpp { Value::Null } else { "".into() }
    }

    /// The same, if thoughts were requested.
    fn shown_thoughts(&self) -> Option<&'static str> {
        self.dialect.thoughts().filter(|_| self.style.thoughts == Thoughts::Shown)
    }

    fn thoughts(&self, answer: &BrainAnswer) -> Vec<Value> {
        let Some(field) = self.shown_thoughts() else { return vec![] };
        answer.thoughts.iter().map(|thought| json!({ field: thought })).collect()
    }

    /// One call: complete, or a head and two pieces of arguments.
    fn call(&self, index: usize, call: &PlannedCall, ids: &Ids) -> Vec<Value> {
        let id = ids.call(Generation::Three);
        let arguments = arguments(call);
        let function = |arguments: &str| json!({ "name": call.name, "arguments": arguments });
        if self.dialect == EmulatedServer::Ollama {
            let function = function(&arguments);
            return vec![calling(
                json!({ "index": 0, "id": id, "type": "function", "function": function }),
            )];
        }
        let head =
            json!({ "index": index, "id": id, "type": "function", "function": function("") });
        let middle = arguments.floor_char_boundary(arguments.len() / 2);
        let (first, second) = arguments.split_at_checked(middle).unwrap_or(("", &arguments));
        let pieces = [first, second].map(|piece| calling(self.continued(index, piece)));
        [calling(head)].into_iter().chain(pieces).collect()
    }

    fn continued(&self, index: usize, arguments: &str) -> Value {
        if self.dialect == EmulatedServer::NewApi {
            let function = json!({ "name": "", "arguments": arguments });
            return json!({ "index": index, "id": "", "type": "function", "function": function });
        }
        json!({ "index": index, "function": { "arguments": arguments } })
    }

    fn chunk(&self, delta: Value) -> Value {
        let unfinished = match self.dialect {
            EmulatedServer::NewApi => Value::from(""),
            EmulatedServer::Google
            | EmulatedServer::OpenAi
            | EmulatedServer::Vllm
            | EmulatedServer::LlamaCpp
            | EmulatedServer::OpenRouter
            | EmulatedServer::Ollama => Value::Null,
        };
        self.envelope(json!([choice(delta, unfinished)]))
    }

    fn finish(&self, reason: &str) -> Value {
        self.envelope(json!([choice(json!({}), reason.into())]))
    }

    fn envelope(&self, choices: Value) -> Value {
        let mut chunk = Map::new();
        chunk.insert("id".into(), self.id.as_str().into());
        chunk.insert("object".into(), "chat.completion.chunk".into());
        chunk.insert("created".into(), self.style.created.into());
        chunk.insert("model".into(), self.style.model.as_str().into());
        chunk.insert("choices".into(), choices);
        if self.dialect == EmulatedServer::OpenAi && self.style.usage.is_some() {
            chunk.insert("usage".into(), Value::Null);
        }
        Value::Object(chunk)
    }

    fn usage(&self, answer: &BrainAnswer) -> Option<Value> {
        self.style.usage.is_some().then(|| self.counted(json!([]), answer))
    }

    fn counted(&self, choices: Value, answer: &BrainAnswer) -> Value {
        let calls = answer.calls.iter().map(arguments);
        let calls: usize = calls.map(|arguments| arguments.len()).sum();
        let mut whole = self.envelope(choices);
        if let (Some(usage), Some(fields)) = (&self.style.usage, whole.as_object_mut()) {
            fields.insert("usage".into(), usage.after(answer.text.chars().count() + calls));
            if self.dialect == EmulatedServer::LlamaCpp {
                fields.insert("timings".into(), json!({ "predicted_per_second": 41.5 }));
            }
        }
        whole
    }
}

fn arguments(call: &PlannedCall) -> String {
    Value::Object(call.arguments.clone()).to_string()
}

fn whole_call(call: &PlannedCall, id: &str) -> Value {
    let function = json!({ "name": call.name, "arguments": arguments(call) });
    json!({ "id": id, "type": "function", "function": function })
}

fn choice(delta: Value, finish: Value) -> Value {
    json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish })
}

fn calling(call: Value) -> Value {
    json!({ "tool_calls": [call] })
}
