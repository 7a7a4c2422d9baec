//! rmcp's HTTP client with a `POST` of its own: rmcp builds an answer that is no stream from up to
//! 16 MiB, whatever they contain (ADR 39). Behaves as rmcp's in all other respects.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use reqwest::Client;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_LAST_EVENT_ID, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};

use super::http_answer::{Posted, read_answer};

#[derive(Clone, Debug)]
pub(crate) struct BoundedClient(Client);

type HttpHeaders = HashMap<HeaderName, HeaderValue>;
type HttpResult<T> = Result<T, StreamableHttpError<reqwest::Error>>;

impl BoundedClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

impl StreamableHttpClient for BoundedClient {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HttpHeaders,
    ) -> HttpResult<StreamableHttpPostResponse> {
        let accepted = format!("{EVENT_STREAM_MIME_TYPE}, {JSON_MIME_TYPE}");
        let mut request = self.0.post(uri.as_ref()).header(ACCEPT, accepted);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(name) = headers.keys().find(|name| is_ours(name)) {
            return Err(StreamableHttpError::ReservedHeaderConflict(name.to_string()));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(session) = &session {
            request = request.header(HEADER_SESSION_ID, session.as_ref());
        }
        let response = request.json(&message).send().await?;
        read_answer(response, &Posted::new(&message, session.is_some())).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: HttpHeaders,
    ) -> HttpResult<()> {
        self.0.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: HttpHeaders,
    ) -> HttpResult<BoxedSseResponse> {
        self.0.get_stream(uri, session, last_event, token, headers).await
    }
}

/// Set by the transport alone.
fn is_ours(name: &HeaderName) -> bool {
    let ours = [ACCEPT.as_str(), HEADER_SESSION_ID, HEADER_LAST_EVENT_ID];
    ours.iter().any(|ours| name.as_str().eq_ignore_ascii_case(ours))
}
