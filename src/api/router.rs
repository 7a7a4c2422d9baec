//! All addresses of the server.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::ApiError;
use super::http::{cors, request_id};
use super::state::Api;
use super::wires::{chatkit, short_form};
use super::{health, models, page};

/// All routes.
pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/", get(page::page))
        .route("/chatkit", post(chatkit::answer))
        .route("/chat", post(short_form::answer))
        .route("/models", get(models::list))
        .fallback(async || ApiError::UnknownPath);
    at_the_door(routes, api)
}

/// The same while there is no room: how the process is, and a refusal for everything else.
pub fn router_when_full(api: Api) -> Router {
    at_the_door(Router::new().fallback(async || ApiError::Busy), api)
}

fn at_the_door(routes: Router<Api>, api: Api) -> Router {
    routes
        .route("/health", get(health::report))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .method_not_allowed_fallback(async || ApiError::WrongMethod)
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn_with_state(Arc::clone(&api.traffic), request_id::attach))
        .layer(cors::layer(api.settings.origins.clone()))
        .with_state(api)
}

fn on_panic(_: Box<dyn Any + Send>) -> Response {
    ApiError::Internal.into_response()
}
