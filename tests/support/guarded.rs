//! An MCP server that wants OAuth, with an issuer of its own: it registers clients, asks nobody, and
//! gives a refresh token that counts once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::mcp_server::McpServer;
use super::process::client;

/// Of each client that is registered.
pub(crate) const CLIENT_SECRET: &str = "secret-of-the-client";

pub(crate) struct Guarded {
    /// Without a path.
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<Issued>>,
    task: JoinHandle<()>,
}

/// What the issuer knows, and how it behaves.
pub(crate) struct Issued {
    url: String,
    server: String,
    /// What the metadata says besides; a member that is null is left out.
    pub(crate) metadata: Value,
    pub(crate) resource: Value,
    pub(crate) lifetime: u64,
    /// The scopes that a call of this tool needs.
    pub(crate) scope_of_tool: Option<(&'static str, &'static str)>,
    /// Access tokens that are valid, each with its scopes.
    pub(crate) valid: HashMap<String, String>,
    /// Refresh tokens, each with its scopes.
    refresh: HashMap<String, String>,
    /// The sign-in of each token, whether or not it still counts.
    sign_ins: HashMap<String, u32>,
    /// Whether tools are listed for everybody, and only calls need a token.
    pub(crate) lists_openly: bool,
    /// The codes that were given, which count once: their scopes and challenges.
    codes: HashMap<String, (String, String)>,
    /// The query of the next answer, in place of an honest one.
    pub(crate) answer: Option<String>,
    /// The scopes of each authorization.
    pub(crate) asked: Vec<String>,
    pub(crate) renewals: u32,
    count: u32,
}

type Shared = State<Arc<Mutex<Issued>>>;

impl Guarded {
    pub(crate) async fn start(server: &McpServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Issued {
            url: url.clone(),
            server: server.url(),
            metadata: json!({}),
            resource: json!({}),
            lifetime: 3600,
            scope_of_tool: None,
            valid: HashMap::new(),
            refresh: HashMap::new(),
            sign_ins: HashMap::new(),
            lists_openly: false,
            codes: HashMap::new(),
            answer: None,
            asked: Vec::new(),
            renewals: 0,
            count: 0,
        }));
        let app = Router::new()
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route(
                "/register",
                post(async || {
                    Json(json!({ "client_id": "c", "client_secret": CLIENT_SECRET, "redirect_uris": [] }))
                }),
            )
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .route("/mcp", any(guarded))
            .with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, task }
    }

    pub(crate) fn mcp_url(&self) -> String {
        format!("{}/mcp", self.url)
    }

    /// Access tokens count no longer; refresh tokens do.
    pub(crate) fn end_access(&self) {
        self.state.lock().unwrap().valid.clear();
    }

    pub(crate) fn revoke(&self) {
        self.end_access();
        self.state.lock().unwrap().refresh.clear();
    }

    /// One sign-in is over.
    pub(crate) fn revoke_one(&self, access: &str) {
        self.state.lock().unwrap().forget(access);
    }

    pub(crate) fn renewals(&self) -> u32 {
        self.state.lock().unwrap().renewals
    }
}

impl Issued {
    /// The sign-in of this token is over, with all its tokens.
    fn forget(&mut self, token: &str) {
        let Self { sign_ins, valid, refresh, .. } = self;
        let over = sign_ins.get(token).copied();
        let counts = |known: &String, _: &mut String| sign_ins.get(known).copied() != over;
        valid.retain(counts);
        refresh.retain(counts);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A browser that agrees to everything: the query with which it comes back.
pub(crate) async fn agree(link: &str) -> String {
    let straight = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let answer = straight.get(link).send().await.unwrap();
    let back = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    back.split_once('?').unwrap().1.to_owned()
}

fn pairs(query: &str) -> HashMap<String, String> {
    let url = Url::parse(&format!("http://a/?{query}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn with(mut document: Value, other: &Value) -> Json<Value> {
    for (name, value) in other.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    Json(document)
}

async fn resource(State(state): Shared) -> Json<Value> {
    let state = state.lock().unwrap();
    let url = &state.url;
    let document = json!({ "resource": format!("{url}/mcp"), "authorization_servers": [url] });
    with(document, &state.resource)
}

async fn metadata(State(state): Shared) -> Json<Value> {
    let state = state.lock().unwrap();
    let url = &state.url;
    let document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "registration_endpoint": format!("{url}/register"),
        "revocation_endpoint": format!("{url}/revoke"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    with(document, &state.metadata)
}

async fn authorize(State(state): Shared, RawQuery(query): RawQuery) -> Response {
    let asked = pairs(&query.unwrap_or_default());
    let mut state = state.lock().unwrap();
    let scopes = asked.get("scope").cloned().unwrap_or_default();
    state.asked.push(scopes.clone());
    let code = format!("code-{}", state.asked.len());
    state.codes.insert(code.clone(), (scopes, asked["code_challenge"].clone()));
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["resource"], format!("{}/mcp", state.url));
    let honest = format!("code={code}&state={}&iss={}", asked["state"], state.url);
    let answer = state.answer.take().map(|it| it.replace("STATE", &asked["state"]));
    let back = format!("{}?{}", asked["redirect_uri"], answer.unwrap_or(honest));
    (StatusCode::FOUND, [(LOCATION, back)]).into_response()
}

async fn token(State(state): Shared, form: String) -> Response {
    let form = pairs(&form);
    let mut state = state.lock().unwrap();
    let scopes = if form["grant_type"] == "authorization_code" {
        let given = state.codes.remove(&form["code"]);
        given.filter(|(_, asked)| *asked == challenge(&form["code_verifier"])).map(|(it, _)| it)
    } else if let Some(scopes) = state.refresh.remove(&form["refresh_token"]) {
        state.renewals += 1;
        Some(scopes)
    } else {
        // As an issuer that takes a second use for a theft.
        state.forget(&form["refresh_token"]);
        None
    };
    let Some(scopes) = scopes else {
        let refusal = Json(json!({ "error": "invalid_grant" }));
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    };
    state.count += 1;
    let before = form.get("refresh_token").and_then(|token| state.sign_ins.get(token).copied());
    let sign_in = before.unwrap_or(state.count);
    let (access, refresh) = (format!("access-{}", state.count), format!("refresh-{}", state.count));
    state.valid.insert(access.clone(), scopes.clone());
    state.refresh.insert(refresh.clone(), scopes.clone());
    state.sign_ins.extend([&access, &refresh].map(|token| (token.clone(), sign_in)));
    let expires_in = state.lifetime;
    Json(json!({ "access_token": access, "token_type": "Bearer", "expires_in": expires_in, "refresh_token": refresh, "scope": scopes }))
        .into_response()
}

async fn revoke(State(state): Shared, headers: HeaderMap, form: String) -> StatusCode {
    let client = STANDARD.encode(format!("c:{CLIENT_SECRET}"));
    if headers[AUTHORIZATION] != format!("Basic {client}") {
        return StatusCode::UNAUTHORIZED;
    }
    state.lock().unwrap().forget(&pairs(&form)["token"]);
    StatusCode::OK
}

/// As PKCE has it, S256.
fn challenge(verifier: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}

/// Passes on what comes with a token.
async fn guarded(State(state): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    if let Some(refusal) = refusal(&state.lock().unwrap(), &parts.headers, &body) {
        return refusal;
    }
    let server = state.lock().unwrap().server.clone();
    let mut headers = parts.headers;
    headers.remove("host");
    let sent = client().request(parts.method, server).headers(headers).body(body).send();
    let answer = sent.await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut passed = Response::new(Body::from_stream(answer.bytes_stream()));
    *passed.status_mut() = status;
    *passed.headers_mut() = headers;
    passed
}

fn refusal(state: &Issued, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
    let token = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    let challenge = |status: StatusCode, rest: &str| {
        let at = format!("{}/.well-known/oauth-protected-resource/mcp", state.url);
        let words = format!(r#"Bearer resource_metadata="{at}"{rest}"#);
        Some((status, [(WWW_AUTHENTICATE, words)]).into_response())
    };
    let method = serde_json::from_slice::<Value>(body).unwrap_or_default()["method"].take();
    if token.is_none() && state.lists_openly && method != "tools/call" {
        return None;
    }
    let Some(scopes) = token.and_then(|token| state.valid.get(token)) else {
        return challenge(StatusCode::UNAUTHORIZED, r#", scope="read""#);
    };
    let (tool, scope) = state.scope_of_tool?;
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_missing = body["params"]["name"] == tool && !scopes.split(' ').any(|it| it == scope);
    let rest = format!(r#", error="insufficient_scope", scope="{scope}""#);
    if is_missing { challenge(StatusCode::FORBIDDEN, &rest) } else { None }
}
