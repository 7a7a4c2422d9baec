//! The routes of the emulator.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};

use super::chat::{Emulation, chat};
use super::checks;
use super::control;
use super::written::refused;
use crate::wire::routes::{CHAT, MODELS, models, not_found};
use crate::wire::way::Way;

pub(crate) fn routes(emulation: Emulation) -> Router {
    Router::new()
        .route(CHAT, post(chat))
        .route(MODELS, get(guarded_models))
        .route("/_fake/log", get(control::log))
        .route("/_fake/script", post(control::script))
        .route("/_fake/reset", post(control::reset))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(Arc::new(emulation))
}

async fn guarded_models(State(_): State<Arc<Emulation>>, headers: HeaderMap) -> Response {
    match checks::authorization(&headers) {
        Ok(()) => models().await,
        Err(refusal) => refused(&refusal).send(Way::unseen()).await,
    }
}
