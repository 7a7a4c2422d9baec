//! What an HTTP server answers to a `POST`, read as rmcp reads it, with our limits in front of all
//! that is built from it (ADR 39).

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpError,
    StreamableHttpPostResponse,
};

use super::super::super::error::TOO_LARGE;
use super::events::read_events;
use super::outline::Outline;
use super::tool_list::mended;

/// Of a refusal; as rmcp has it.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// Of a refusal, in an error.
const MAX_QUOTED_BYTES: usize = 1_000;

/// What an answer depends on.
#[derive(Debug)]
pub(super) struct Posted {
    /// Of a request; what is no request gets no answer.
    id: Option<RequestId>,
    in_session: bool,
    /// The question whether the server speaks the newer revision.
    discovers: bool,
}

#[derive(Debug)]
enum Kind {
    Events,
    Json,
    Other(Option<String>),
}

type HttpError = StreamableHttpError<reqwest::Error>;
type PostResult = Result<StreamableHttpPostResponse, HttpError>;

impl Posted {
    pub(super) fn new(message: &ClientJsonRpcMessage, in_session: bool) -> Self {
        let JsonRpcMessage::Request(request) = message else {
            return Self { id: None, in_session, discovers: false };
        };
        let discovers = matches!(request.request, ClientRequest::DiscoverRequest(_));
        Self { id: Some(request.id.clone()), in_session, discovers }
    }
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(text) = headers.get(CONTENT_TYPE) else { return Self::Other(None) };
        if text.as_bytes().starts_with(EVENT_STREAM_MIME_TYPE.as_bytes()) {
            Self::Events
        } else if text.as_bytes().starts_with(JSON_MIME_TYPE.as_bytes()) {
            Self::Json
        } else {
            Self::Other(Some(String::from_utf8_lossy(text.as_bytes()).into_owned()))
        }
    }
}

pub(super) async fn read_answer(response: Response, posted: &Posted) -> PostResult {
    let (status, headers) = (response.status(), response.headers());
    if let Some(refusal) = challenge(status, headers) {
        return Err(refusal);
    }
    if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    if status == StatusCode::NOT_FOUND && posted.in_session {
        return Err(StreamableHttpError::SessionExpired);
    }
    if !status.is_success() {
        return read_refusal(response, posted).await;
    }
    // Some servers write 200 for 202.
    if posted.id.is_none() && response.content_length() == Some(0) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    match Kind::of(headers) {
        Kind::Events => {
            let session = session_in(headers);
            Ok(StreamableHttpPostResponse::Sse(read_events(response.bytes_stream()), session))
        }
        Kind::Json => read_json(response, posted).await,
        Kind::Other(kind) => Err(StreamableHttpError::UnexpectedContentType(kind)),
    }
}

async fn read_json(mut response: Response, posted: &Posted) -> PostResult {
    let session = session_in(response.headers());
    let (mut outline, mut body) = (Outline::default(), Vec::new());
    while let Some(piece) = response.chunk().await? {
        outline.read(&piece);
        if outline.is_too_large() {
            return Ok(posted.id.clone().map_or(StreamableHttpPostResponse::Accepted, |id| {
                StreamableHttpPostResponse::Json(too_large(id), session)
            }));
        }
        body.extend_from_slice(&piece);
    }
    let mended = mended(&body, &outline);
    match serde_json::from_slice(mended.as_ref().map_or(body.as_slice(), String::as_bytes)) {
        Ok(message) => Ok(StreamableHttpPostResponse::Json(message, session)),
        Err(_) if posted.id.is_none() => Ok(StreamableHttpPostResponse::Accepted),
        Err(_) => Err(unexpected("its answer is no message of JSON-RPC")),
    }
}

/// The call ends at once, and its effect is unknown.
fn too_large(id: RequestId) -> ServerJsonRpcMessage {
    JsonRpcMessage::error(ErrorData::internal_error(TOO_LARGE, None), Some(id))
}

async fn read_refusal(response: Response, posted: &Posted) -> PostResult {
    let (status, kind) = (response.status(), Kind::of(response.headers()));
    let (is_json, failure) = (matches!(kind, Kind::Json), failure(status, response.headers()));
    let failure = match failure {
        Some(failure) if !is_json || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(failure.into());
        }
        failure => failure,
    };
    let session = session_in(response.headers());
    let body = read_short(response).await;
    let error = body.as_deref().and_then(|body| match serde_json::from_slice(body) {
        Ok(ServerJsonRpcMessage::Error(error)) => Some(error),
        _ => None,
    });
    let is_auth = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let words = format!("HTTP {status}: {}", quoted(body.as_deref().unwrap_or_default()));
    // Whatever it says, the question has its answer, or the older revision would never be tried.
    if posted.discovers && !posted.in_session && status.is_client_error() && !is_auth {
        let error = error.map_or_else(|| ErrorData::invalid_request(words, None), |it| it.error);
        let message = JsonRpcMessage::error(error, posted.id.clone());
        return Ok(StreamableHttpPostResponse::Json(message, None));
    }
    // A refused credential is told by its status, not by the words beside it.
    match error {
        Some(error) if is_json && !is_auth => {
            Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(error), session))
        }
        _ => Err(failure.map_or_else(|| unexpected(words), StreamableHttpError::from)),
    }
}

/// The body, if it is short and comes whole.
async fn read_short(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if body.len() + piece.len() > MAX_REFUSAL_BYTES {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}

/// What a server demands that knows how to say it.
fn challenge(status: StatusCode, headers: &HeaderMap) -> Option<HttpError> {
    let is_known = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let demand = headers.get(WWW_AUTHENTICATE).filter(|_| is_known)?;
    let Ok(demand) = demand.to_str().map(str::to_owned) else {
        return Some(unexpected("invalid www-authenticate header value"));
    };
    Some(if status == StatusCode::UNAUTHORIZED {
        StreamableHttpError::AuthRequired(AuthRequiredError::new(demand))
    } else {
        let scope = scope_in(&demand);
        StreamableHttpError::InsufficientScope(InsufficientScopeError::new(demand, scope))
    })
}

/// `scope="a b"` or `scope=a`.
fn scope_in(demand: &str) -> Option<String> {
    const NAME: &str = "scope=";
    let at = demand.to_ascii_lowercase().find(NAME)? + NAME.len();
    let rest = demand.get(at..)?;
    let scope = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?.0,
        None => rest.split(|it: char| it == ',' || it == ';' || it.is_whitespace()).next()?,
    };
    (rest.starts_with('"') || !scope.is_empty()).then(|| scope.to_owned())
}

fn failure(status: StatusCode, headers: &HeaderMap) -> Option<HttpStatusError> {
    let is_failure = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    is_failure.then(|| {
        let pause = headers.get(RETRY_AFTER).and_then(|pause| pause.to_str().ok());
        HttpStatusError::new(status.as_u16(), pause.map(str::to_owned))
    })
}

fn session_in(headers: &HeaderMap) -> Option<String> {
    headers.get(HEADER_SESSION_ID)?.to_str().ok().map(str::to_owned)
}

fn quoted(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body.get(..MAX_QUOTED_BYTES).unwrap_or(body))
}

fn unexpected(words: impl Into<Cow<'static, str>>) -> HttpError {
    StreamableHttpError::UnexpectedServerResponse(words.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}"#;
    const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;

    async fn told(status: u16, headers: &[(&'static str, &str)], body: String) -> String {
        told_to(&posted(), status, headers, body).await
    }

    async fn told_to(
        posted: &Posted,
        status: u16,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> String {
        let mut response = http::Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        match read_answer(response.into(), posted).await {
            Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(it), session)) => {
                format!("{} {} {session:?}", it.error.code.0, it.error.message)
            }
            Ok(answer) => format!("{answer:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn posted() -> Posted {
        Posted { id: Some(RequestId::Number(7)), in_session: true, discovers: false }
    }

    #[tokio::test]
    async fn a_refusal_is_told_by_its_status_and_an_error_in_it_by_its_words() {
        let json = ("content-type", "application/json");
        for (status, headers, body, expected) in [
            (404, vec![json], ERROR, "Session expired (HTTP 404)"),
            (400, vec![json], ERROR, "-32602 no None"),
            (400, vec![json], "{}", "unexpected server response: HTTP 400 Bad Request: {}"),
            (400, vec![], ERROR, "unexpected server response: HTTP 400 Bad Request: {\"jsonrpc"),
            (401, vec![json], ERROR, "unexpected server response: HTTP 401 Unauthorized"),
            (500, vec![json], ERROR, "-32602 no None"),
            (500, vec![json], "?", "HTTP 500"),
            (503, vec![], ERROR, "HTTP 503"),
            (429, vec![json], ERROR, "HTTP 429"),
            (401, vec![("www-authenticate", "Bearer x")], "", "Auth required"),
            (403, vec![("www-authenticate", "Bearer scope=\"a b\"")], "", "Insufficient scope"),
        ] {
            let told = told(status, &headers, body.to_owned()).await;
            assert!(told.to_lowercase().starts_with(&expected.to_lowercase()), "{status}: {told}");
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_no_answer_and_what_awaits_none_is_accepted() {
        let json = [("content-type", "application/json"), ("mcp-session-id", "s")];
        let parts = format!(r#"{{"id":7,"result":[{}1]}}"#, "1,".repeat(50_000));
        let long = format!(r#"{{"result":"{}","id":7}}"#, "x".repeat(8 * 1024 * 1024));
        let notice = Posted { id: None, in_session: true, discovers: false };
        for body in [parts, long] {
            let expected = format!("-32603 {TOO_LARGE} Some(\"s\")");
            assert_eq!(told(200, &json, body.clone()).await, expected);
            assert_eq!(told_to(&notice, 200, &json, body).await, "Accepted");
        }
        let crooked = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"crooked"}]}}"#;
        let told_of_it = told(200, &json, crooked.to_owned()).await;
        assert!(told_of_it.contains("ListToolsResult"), "{told_of_it}");
        assert!(told(200, &json, RESULT.to_owned()).await.starts_with("Json"));
        for body in ["", "Welcome!"] {
            assert_eq!(told_to(&notice, 200, &json, body.to_owned()).await, "Accepted");
            let told = told(200, &json, body.to_owned()).await;
            assert!(told.to_lowercase().contains("unexpected server response"), "{told}");
        }
    }

    #[tokio::test]
    async fn the_question_for_the_newer_revision_has_an_answer_from_an_older_server() {
        let asked = Posted { discovers: true, in_session: false, ..posted() };
        let large = "x".repeat(2 * MAX_REFUSAL_BYTES);
        for body in ["Not found", ERROR, large.as_str()] {
            for status in [400, 404, 405] {
                let told = told_to(&asked, status, &[], body.to_owned()).await;
                assert!(told.starts_with("-326"), "{status}: {told}");
            }
        }
        assert_eq!(told_to(&asked, 500, &[], String::new()).await, "HTTP 500");
    }

    #[test]
    fn scopes_are_found_with_and_without_quotes() {
        for (demand, scope) in [
            (r#"Bearer realm="x", Scope="a b", error="e""#, Some("a b")),
            ("Bearer scope=a, error=e", Some("a")),
            ("Bearer scope=", None),
            (r#"Bearer scope="a"#, None),
            ("Bearer", None),
        ] {
            assert_eq!(scope_in(demand).as_deref(), scope, "{demand}");
        }
    }
}
