//! The routes that every model has, and what all but the chat answer.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::delivery::{Delivery, HTML, JSON};
use super::profile::PROFILES;
use super::way::Way;

pub(crate) const CHAT: &str = "/v1beta/openai/chat/completions";
pub(crate) const MODELS: &str = "/v1beta/openai/models";

/// The models on offer.
pub(crate) async fn models() -> Response {
    let names = PROFILES.iter().map(|profile| profile.name);
    let data: Vec<Value> = names.map(model).collect();
    let body = json!({ "data": data, "object": "list" });
    Delivery::whole(StatusCode::OK, JSON, body.to_string()).send(Way::unseen()).await
}

/// Google's answer to a path it does not know, `…/openai//chat/completions` among them.
pub(crate) async fn not_found() -> Response {
    Delivery::whole(StatusCode::NOT_FOUND, HTML, String::new()).send(Way::unseen()).await
}

fn model(name: &str) -> Value {
    json!({ "id": format!("models/{name}"), "object": "model", "owned_by": "google" })
}
