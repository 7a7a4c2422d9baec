//! `GET /models`: the models that can be chosen, in OpenAI's format (ADR 17).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::http::authentication::Asking;
use super::state::Api;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<ListedModel<'a>>,
}

#[derive(Serialize)]
struct ListedModel<'a> {
    id: &'a str,
    object: &'static str,
    /// Answers if no model is chosen.
    default: bool,
}

/// All models, the default first.
pub(super) async fn list(State(api): State<Api>, _: Asking) -> Response {
    let entry = |(place, id)| ListedModel { id, object: "model", default: place == 0 };
    let ids = api.limits.models.iter().map(|id| &**id);
    Json(List { object: "list", data: ids.enumerate().map(entry).collect() }).into_response()
}
