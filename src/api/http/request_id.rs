//! One id for everything that a request causes, and one log line when it is answered (ADR 4).

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::{Instrument, info_span};
use uuid::Uuid;

use super::super::error::ApiError;
use super::super::intake::refused::RefusedRequest;
use super::super::state::Api;

/// Carries the id in requests and in answers.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn of(request: &Request) -> Self {
        let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
        let id = given.filter(|id| is_sane(id)).map(str::to_owned);
        Self(id.unwrap_or_else(|| Uuid::now_v7().simple().to_string()))
    }
}

/// Counts the request, gives it an id, refuses it under a foreign name, and logs its answer.
pub(crate) async fn attach(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    api.traffic.count();
    let id = RequestId::of(&request);
    let header = HeaderValue::from_str(&id.0).unwrap_or(HeaderValue::from_static("unknown"));
    let span = info_span!("request", request_id = %id.0);
    request.extensions_mut().insert(id);
    let mut response = answer(&api, request, next).instrument(span).await;
    let headers = response.headers_mut();
    headers.insert(HEADER, header);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn answer(api: &Api, request: Request, next: Next) -> Response {
    let started = Instant::now();
    // A known method and the route: a client may write anything into a method and a path.
    let method = known(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let is_ours = api.settings.hosts.know(request.headers());
    let response =
        if is_ours { next.run(request).await } else { ApiError::UnknownHost.into_response() };
    let path = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let (status, head_ms) = (response.status().as_u16(), millis(started));
    if let Some(RefusedRequest { code, at, is_one_of_many }) = response.extensions().get() {
        // A line for each would cost what is short.
        if *is_one_of_many {
            tracing::debug!(method, path, status, head_ms, code, at, "Request refused");
        } else {
            tracing::info!(method, path, status, head_ms, code, at, "Request refused");
        }
    } else {
        log_answer(method, path, status, head_ms);
    }
    response
}

fn log_answer(method: &str, path: &str, status: u16, head_ms: u64) {
    // Health is requested every few seconds and would fill the log.
    if path.starts_with("/health") {
        tracing::debug!(method, path, status, head_ms, "Request answered");
    } else {
        tracing::info!(method, path, status, head_ms, "Request answered");
    }
}

fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("unknown")
}

fn is_sane(id: &str) -> bool {
    // Plain characters only: the id goes into a header and into every line of the log.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=MAX_LENGTH).contains(&id.len()) && id.chars().all(allowed)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
