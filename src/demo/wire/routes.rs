//! Paths of all modes, and the answers of all but the chat.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::delivery::{Delivery, HTML, JSON};
use super::profile::PROFILES;
use super::way::Way;

pub(crate) const CHAT: &str = "/v1beta/openai/chat/completions";
pub(crate) const MODELS: &str = "/v1beta/openai/models";

pub(crate) async fn models() -> Response {
    let names = PROFILES.iter().map(|profile| profile.name);
    let data: Vec<Value> = names.map(model).collect();
    let body = json!({ "data": data, "object": "list" });
    Delivery::whole(StatusCode::OK, JSON, body.to_string()).send(Way::unseen()).await
}

/// Google's answer to an unknown path, including `…/openai//chat/completions`.
pub(crate) async fn not_found() -> Response {
    Delivery::whole(StatusCode::NOT_FOUND, HTML, String::new()).send(Way::unseen()).await
}

fn model(name: &str) -> Value {
    json!({ "id": format!("models/{name}"), "object": "model", "owned_by": "google" })
}
