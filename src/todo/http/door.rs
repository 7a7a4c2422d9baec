//! Who may come in over HTTP: the name by which the server was called, and the token of the caller.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::sessions::Sessions;
use super::tokens::{Tokens, Visitor};

/// Accepted `Host` names: without the check, a DNS name that points here reaches the server from
/// any page.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const SESSION: &str = "mcp-session-id";

/// Sent with every request but the one that opens a session.
const VERSION: &str = "mcp-protocol-version";

/// The names by which the server may be called.
#[derive(Debug)]
pub(super) struct Hosts(Vec<HostName>);

#[derive(Debug, PartialEq, Eq)]
struct HostName {
    name: String,
    /// None is any port.
    port: Option<u16>,
}

#[derive(Clone)]
pub(super) struct Door {
    /// Without tokens everybody is anyone; such a server listens on a loopback address alone.
    pub(super) tokens: Option<Tokens>,
    pub(super) sessions: Arc<Sessions>,
}

impl Hosts {
    pub(super) fn local_and(others: &[String]) -> Self {
        let all = LOCAL_HOSTS.into_iter().chain(others.iter().map(String::as_str));
        Self(all.map(HostName::read).collect())
    }

    fn know(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let given = HostName::read(given);
        // An address cannot be pointed elsewhere by a name of somebody else.
        if given.name.parse::<IpAddr>().is_ok() {
            return true;
        }
        let is_it = |known: &HostName| known.port.is_none() || known.port == given.port;
        self.0.iter().any(|known| known.name == given.name && is_it(known))
    }
}

impl HostName {
    fn read(text: &str) -> Self {
        let authority = text.parse::<Authority>().ok();
        // An IPv6 address without brackets is none.
        let (name, port) =
            authority.as_ref().map_or((text, None), |host| (host.host(), host.port_u16()));
        Self { name: name.trim_matches(['[', ']']).to_ascii_lowercase(), port }
    }
}

/// Refuses a request under a name that is not ours, on every path.
pub(super) async fn check_host(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Response {
    if hosts.know(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!("A request under an unknown host name was refused");
    let told = "This server is not called by this name. TODO_ALLOWED_HOSTS can add it.";
    problem(StatusCode::FORBIDDEN, told)
}

/// Recognises the caller by its token. A session is found by its own token alone.
pub(super) async fn recognise(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(visitor) = door.visitor(request.headers()) else {
        let mut refused = problem(StatusCode::UNAUTHORIZED, "A valid bearer token is needed.");
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refused;
    };
    let (session, holder) = (session_of(request.headers()), Arc::clone(&visitor.name));
    let opens_a_session = !request.headers().contains_key(VERSION);
    if session.as_ref().is_some_and(|id| !door.sessions.belongs_to(id, &holder)) {
        return problem(StatusCode::NOT_FOUND, "There is no such session. Initialize again.");
    }
    request.extensions_mut().insert(visitor);
    let response = next.run(request).await;
    if session.is_some() {
        return response;
    }
    if let Some(id) = session_of(response.headers()) {
        door.sessions.bind(&id, &holder);
    }
    // What rmcp makes of a session that could not be opened. After any other 500 the call may have
    // been made, so nobody is told to send it again.
    let could_not = response.status() == StatusCode::INTERNAL_SERVER_ERROR && opens_a_session;
    if could_not { full() } else { response }
}

impl Door {
    fn visitor(&self, headers: &HeaderMap) -> Option<Visitor> {
        let Some(tokens) = &self.tokens else { return Some(Visitor::anyone()) };
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (only, None) = (given.next()?, given.next()) else { return None };
        let (scheme, secret) = only.to_str().ok()?.split_once(' ')?;
        tokens.recognise(secret.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }
}

fn session_of(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(SESSION)?.to_str().ok().map(Arc::from)
}

fn full() -> Response {
    let told = "The server has no room for this now. Try again in a moment.";
    let mut refused = problem(StatusCode::SERVICE_UNAVAILABLE, told);
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    refused
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason();
    let body = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    let mut response = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
