//! Sends the operator's token with each request to a server, and a second time after a refusal if
//! there is a newer token by then (ADR 42).

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::auth::AuthError;
use rmcp::transport::streamable_http_client::{
    InsufficientScopeError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Error as SseError, Sse};

use super::super::error::TransportFault;
use super::server_tokens::{Challenge, NoToken, ServerTokens};
use base::domain::Secret;

#[derive(Clone)]
pub(crate) struct BearerClient<C> {
    pub(crate) http: C,
    /// None for a server that gets no token of ours.
    pub(crate) tokens: Option<Arc<ServerTokens>>,
}

type HttpError = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;

impl<C> BearerClient<C> {
    /// A refused request was not performed, so it may be sent again.
    async fn send<T, F: Future<Output = Result<T, HttpError>>>(
        &self,
        request: impl Fn(Option<String>) -> F,
    ) -> Result<T, HttpError> {
        let Some(tokens) = &self.tokens else { return request(None).await };
        let token = tokens.token().await?;
        let answer = request(text(token.as_ref())).await;
        let Some(challenge) = noted(tokens, &answer) else { return answer };
        let Some(newer) = tokens.token_after(&challenge, token.as_ref()).await? else {
            tokens.refused(challenge);
            return answer;
        };
        let answer = request(text(Some(&newer))).await;
        if let Some(challenge) = noted(tokens, &answer) {
            tokens.refused(challenge);
        }
        answer
    }
}

fn text(token: Option<&Secret>) -> Option<String> {
    token.map(|token| token.expose().to_owned())
}

fn noted<T>(tokens: &ServerTokens, answer: &Result<T, HttpError>) -> Option<Challenge> {
    match answer {
        Ok(_) => {
            tokens.accepted();
            None
        }
        Err(StreamableHttpError::InsufficientScope(InsufficientScopeError {
            required_scope,
            ..
        })) => Some(Challenge::MissingScopes(required_scope.clone())),
        Err(error) => (TransportFault::of_http(error) == Some(TransportFault::WantsCredential))
            .then_some(Challenge::Unauthorized),
    }
}

impl From<NoToken> for HttpError {
    fn from(why: NoToken) -> Self {
        Self::Auth(AuthError::CredentialStoreError(why.to_string()))
    }
}

impl<C: StreamableHttpClient<Error = reqwest::Error> + Sync> StreamableHttpClient
    for BearerClient<C>
{
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let post = |token| {
            let (uri, message) = (Arc::clone(&uri), message.clone());
            self.http.post_message(uri, message, session_id.clone(), token, headers.clone())
        };
        self.send(post).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        headers: Headers,
    ) -> Result<(), HttpError> {
        let delete = |token| {
            let (uri, session) = (Arc::clone(&uri), Arc::clone(&session_id));
            self.http.delete_session(uri, session, token, headers.clone())
        };
        self.send(delete).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, HttpError> {
        let get = |token| {
            let (uri, session) = (Arc::clone(&uri), session_id.clone());
            self.http.get_stream(uri, session, last_event_id.clone(), token, headers.clone())
        };
        self.send(get).await
    }
}
