//! What a front end shows of a stream, and what a listing gives back of it.

use serde_json::{Value, json};

use super::MARK;
use crate::support::app::TestApp;

/// The items as they stand on the screen once these events have come.
pub(super) fn replayed(events: &[Value]) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    for event in events {
        match event["type"].as_str().unwrap() {
            "thread.item.added" => items.push(event["item"].clone()),
            "thread.item.done" => finish(&mut items, &event["item"]),
            "thread.item.removed" => items.retain(|item| item["id"] != event["item_id"]),
            "thread.item.updated" => {
                let item = items.iter_mut().find(|item| item["id"] == event["item_id"]);
                update(item.unwrap(), &event["update"]);
            }
            _ => {}
        }
    }
    items
}

/// The items that were kept.
pub(super) async fn kept(app: &TestApp, thread: &str) -> Vec<Value> {
    let params = json!({ "thread_id": thread, "limit": 100, "order": "asc" });
    let listed = app.post("/chatkit", &json!({ "type": "items.list", "params": params })).await;
    listed.json()["data"].as_array().unwrap().clone()
}

/// All but the person's own words, on one line.
pub(super) fn rendered(items: &[Value]) -> String {
    let lines: Vec<_> = items.iter().flat_map(lines).collect();
    lines.join(" / ")
}

/// An item is done as it was shown; one that was never shown in the making appears.
fn finish(items: &mut Vec<Value>, done: &Value) {
    match items.iter_mut().find(|item| item["id"] == done["id"]) {
        Some(shown) => {
            let before = words(shown);
            assert!(words(done).starts_with(&before), "{before:?} became {done}");
            *shown = done.clone();
        }
        None => items.push(done.clone()),
    }
}

fn update(item: &mut Value, update: &Value) {
    let kind = update["type"].as_str().unwrap();
    let index = |key: &str| usize::try_from(update[key].as_u64().unwrap()).unwrap();
    match kind.rsplit('.').next().unwrap() {
        "added" if kind.starts_with("workflow") => {
            item["workflow"]["tasks"].as_array_mut().unwrap().push(update["task"].clone());
        }
        "updated" => item["workflow"]["tasks"][index("task_index")] = update["task"].clone(),
        "added" => item["content"].as_array_mut().unwrap().push(update["content"].clone()),
        "text_delta" => {
            let text = &mut item["content"][index("content_index")]["text"];
            *text =
                format!("{}{}", text.as_str().unwrap(), update["delta"].as_str().unwrap()).into();
        }
        _ => {}
    }
}

fn words(item: &Value) -> String {
    let parts = item["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

fn lines(item: &Value) -> Vec<String> {
    match item["type"].as_str().unwrap() {
        "user_message" => vec![],
        "assistant_message" => vec![format!("say {}", short(words(item).trim()))],
        "workflow" => item["workflow"]["tasks"].as_array().unwrap().iter().map(step).collect(),
        other => vec![format!("{other} {item}")],
    }
}

fn step(task: &Value) -> String {
    match task["type"].as_str().unwrap() {
        "thought" => format!("think {}", task["content"].as_str().unwrap().trim()),
        _ => format!("step {}", task["title"].as_str().unwrap()),
    }
}

/// Text with its mark in one character, and a long row of one letter by its length.
fn short(text: &str) -> String {
    let text = text.replace(&format!("\n\n{MARK}"), "…");
    let letters = text.len() - text.trim_start_matches('a').len();
    if letters < 100 { text } else { format!("{letters}×a{}", &text[letters..]) }
}
