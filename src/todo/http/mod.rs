//! The tools over streamable HTTP, and health paths. Provides routes only; the caller serves them
//! with its own limits (ADR 27).

mod door;
mod sessions;
pub(super) mod tokens;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::door::{Door, Hosts, check_host, recognise};
use self::sessions::{MAX_SESSIONS, Sessions};
use super::open::{Settings, StartError};
use super::owner::Channel;
use super::server::TodoServer;

/// Accepted origins. rmcp does not check `Origin` by default, and a browser would let any page call
/// a server on this machine (ADR 1).
const LOCAL_ORIGINS: [&str; 2] = ["http://localhost:*", "http://127.0.0.1:*"];

#[derive(Clone)]
struct Health {
    server: Arc<TodoServer>,
    started: Instant,
}

/// The tools at `/mcp`. Sessions end with `stop`; without it, a graceful shutdown would wait for
/// open streams forever.
pub fn router(
    settings: Settings,
    stop: &CancellationToken,
) -> BoxFuture<'_, Result<Router, StartError>> {
    routes(settings, stop).boxed()
}

async fn routes(settings: Settings, stop: &CancellationToken) -> Result<Router, StartError> {
    let server = Arc::new(TodoServer::open(&settings).await?.over(Channel::Socket));
    let config = StreamableHttpServerConfig::default()
        // `check_host` does it, on every path.
        .disable_allowed_hosts()
        .with_allowed_origins(LOCAL_ORIGINS)
        .with_cancellation_token(stop.child_token());
    let sessions = Arc::new(Sessions::at_most(MAX_SESSIONS));
    let door = Door { tokens: settings.tokens, sessions: Arc::clone(&sessions) };
    let hosts = Arc::new(Hosts::local_and(&settings.allowed_hosts));
    let health = Health { server: Arc::clone(&server), started: Instant::now() };
    let mcp = StreamableHttpService::new(move || Ok(Arc::clone(&server)), sessions, config);
    let mcp = Router::new()
        .nest_service("/mcp", mcp)
        .layer(from_fn(end_plainly))
        .layer(from_fn_with_state(door, recognise));
    let health = Router::new()
        .route("/health", get(report))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(health);
    Ok(health.merge(mcp).layer(from_fn_with_state(hosts, check_host)))
}

/// rmcp answers the end of a session with 202, but clients accept only 200 and 204.
async fn end_plainly(request: Request, next: Next) -> Response {
    let ends = request.method() == Method::DELETE;
    let mut response = next.run(request).await;
    if ends && response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

async fn report(State(health): State<Health>) -> Response {
    health.answer(StatusCode::OK, Some(health.server.is_well().await))
}

async fn live(State(health): State<Health>) -> Response {
    health.answer(StatusCode::OK, None)
}

async fn ready(State(health): State<Health>) -> Response {
    let is_well = health.server.is_well().await;
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    health.answer(status, Some(is_well))
}

impl Health {
    /// `database` is none where it was not checked.
    fn answer(&self, status: StatusCode, database: Option<bool>) -> Response {
        let word = |is_well| if is_well { "ok" } else { "down" };
        let mut body = json!({
            "status": word(database.unwrap_or(true)),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.started.elapsed().as_secs(),
        });
        if let (Some(body), Some(is_well)) = (body.as_object_mut(), database) {
            body.insert("database".to_owned(), word(is_well).into());
        }
        (status, Json(body)).into_response()
    }
}
