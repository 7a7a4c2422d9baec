//! An answer without streaming, folded from the chunks of a stream so that both agree.

use serde_json::{Map, Value, json};

pub(crate) fn completion(chunks: &[Value]) -> Value {
    let mut whole = Map::new();
    whole.insert("choices".into(), json!([choice(chunks)]));
    let last = chunks.last().unwrap_or(&Value::Null);
    for key in ["created", "id", "model"] {
        copy(last, key, &mut whole);
    }
    whole.insert("object".into(), "chat.completion".into());
    copy(last, "usage", &mut whole);
    Value::Object(whole)
}

fn choice(chunks: &[Value]) -> Value {
    let message = message(chunks);
    let mut reasons = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/finish_reason"));
    let mut choice = Map::new();
    if message.contains_key("tool_calls") {
        choice.insert("finish_reason".into(), "tool_calls".into());
    } else if let Some(reason) = reasons.next_back() {
        choice.insert("finish_reason".into(), reason.clone());
    }
    choice.insert("index".into(), 0.into());
    choice.insert("message".into(), Value::Object(message));
    Value::Object(choice)
}

fn message(chunks: &[Value]) -> Map<String, Value> {
    let deltas = || chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta"));
    let text: String = deltas().filter_map(|delta| delta.get("content")?.as_str()).collect();
    let calls: Vec<Value> = deltas()
        .filter_map(|delta| delta.get("tool_calls")?.as_array())
        .flatten()
        .cloned()
        .collect();
    let mut message = Map::new();
    if !text.is_empty() {
        message.insert("content".into(), text.into());
    }
    if let Some(extra) = deltas().filter_map(text_signature).next_back() {
        message.insert("extra_content".into(), extra.clone());
    }
    message.insert("role".into(), "assistant".into());
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    message
}

fn text_signature(delta: &Value) -> Option<&Value> {
    delta.get("extra_content").filter(|extra| extra.pointer("/google/thought_signature").is_some())
}

fn copy(from: &Value, key: &str, to: &mut Map<String, Value>) {
    if let Some(value) = from.get(key) {
        to.insert(key.to_owned(), value.clone());
    }
}
