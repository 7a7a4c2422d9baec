//! All routes of the server, and the layers around them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::ApiError;
use super::http::{cors, request_id};
use super::state::Api;
use super::wires::{chatkit, short_form};
use super::{health, models, page, prompts, reload, sign_in, usage};
use base::domain::Reload;

pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/", get(page::page))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/chatkit", post(chatkit::answer))
        .route("/chat", post(short_form::answer))
        .route("/models", get(models::list))
        .route("/prompts", get(prompts::list))
        .route("/usage", get(usage::tell))
        .route("/sign-in/callback", get(sign_in::finish))
        .route("/sign-in/{link}", get(sign_in::show))
        .route("/sign-in/{link}", post(sign_in::begin))
        .route("/sign-out/{server}", post(sign_in::sign_out))
        .fallback(async || ApiError::UnknownPath);
    at_the_door(routes, api)
}

/// The routes while there is no room: health, and a refusal for everything else (ADR 19).
pub fn router_when_full(api: Api) -> Router {
    at_the_door(Router::new().fallback(async || ApiError::NoRoom), api)
}

/// The routes of the private listener: all of health (ADR 33), and what operators may have done
/// (ADR 37), for whoever reaches it. No page may read it.
pub fn router_in_private(api: Api, servers: Arc<dyn Reload>) -> Router {
    let reload = move |headers: HeaderMap| reload::reload(Arc::clone(&servers), headers);
    let routes = Router::new()
        .route("/admin/reload", post(reload))
        .fallback(async || ApiError::UnknownPrivatePath);
    with_ids(with_probes(routes).route("/health", get(health::full)), &api).with_state(api)
}

fn at_the_door(routes: Router<Api>, api: Api) -> Router {
    with_ids(with_probes(routes).route("/health", get(health::report)), &api)
        // Outermost: a browser must be allowed to read refusals as well.
        .layer(cors::layer(api.settings.origins.clone()))
        .with_state(api)
}

fn with_probes(routes: Router<Api>) -> Router<Api> {
    routes.route("/health/live", get(health::live)).route("/health/ready", get(health::ready))
}

fn with_ids(routes: Router<Api>, api: &Api) -> Router<Api> {
    routes
        .method_not_allowed_fallback(async || ApiError::WrongMethod)
        // Inside the layer of request ids, so that the answer to a panic has an id and a line.
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn_with_state(api.clone(), request_id::attach))
}

fn on_panic(_: Box<dyn Any + Send>) -> Response {
    ApiError::Internal.into_response()
}
