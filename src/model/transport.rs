//! One HTTP request per attempt: async-openai's client with our own service under it.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::stream::StreamResponse;
use futures::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Body as HttpBody, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tower::service_fn;

use super::body::Body;
use super::chunk::Chunk;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::refused::Refused;
use super::settings::SettingsError;
use super::tap::{Notes, Tapped};
use crate::agents::ModelError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the words of a refusal may take, once its status is known.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_WHOLE_BYTES: usize = 1024 * 1024;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Sends requests.
pub(super) struct Transport {
    http: reqwest::Client,
    endpoint: Endpoint,
}

/// An answer that began.
pub(super) enum Opened {
    /// Chunk by chunk.
    Stream(StreamResponse<Chunk>, Arc<Notes>),
    /// All at once, though a stream was asked for.
    Whole(Value),
}

/// An answer that is no event stream.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no event stream")]
pub(super) struct Unstreamed {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Transport {
    /// A client of its own, so that nobody else's settings reach it.
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, SettingsError> {
        // Only the first call of the process installs; later ones find it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(Policy::none())
            .user_agent(USER_AGENT);
        let builder = if endpoint.is_loopback() { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| SettingsError::Client(error.to_string()))?;
        Ok(Self { http, endpoint })
    }

    /// Sends one request and returns once the answer begins.
    pub(super) async fn open(&self, body: &Body<'_>) -> Result<Opened, Failure> {
        let http = self.http.clone();
        self.open_by(body, move |request| send(http.clone(), request)).await
    }

    /// The same, answered by whoever `exchange` asks.
    pub(super) async fn open_by<E, F>(
        &self,
        body: &Body<'_>,
        exchange: E,
    ) -> Result<Opened, Failure>
    where
        E: Fn(HttpRequestFactory) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, OpenAIError>> + Send + 'static,
    {
        let notes = Arc::new(Notes::default());
        let tapped = Arc::clone(&notes);
        let service = service_fn(move |request| looked_at(exchange(request), Arc::clone(&tapped)));
        // Last of all the service: it takes the place of the client that retries.
        let client = Client::build(self.http.clone(), self.endpoint.clone());
        let client = client.with_http_service(service);
        match client.chat().create_stream_byot(body).await {
            Ok(stream) => Ok(Opened::Stream(stream, notes)),
            Err(error) => judge(error),
        }
    }

    /// Asks for the list of models; a refusal is an answer too.
    pub(super) async fn models(&self) -> Result<Unstreamed, Failure> {
        let request = self.http.get(self.endpoint.url("/models")).headers(self.endpoint.headers());
        let response = request.send().await.map_err(|error| lost(&error))?;
        Ok(unstreamed(response).await)
    }
}

async fn send(http: reqwest::Client, request: HttpRequestFactory) -> Result<Response, OpenAIError> {
    Ok(http.execute(request.build().await?).await?)
}

async fn looked_at(
    answer: impl Future<Output = Result<Response, OpenAIError>>,
    notes: Arc<Notes>,
) -> Result<Response, OpenAIError> {
    let response = answer.await?;
    if !response.status().is_success() || !is_event_stream(&response) {
        return Err(OpenAIError::Boxed(Box::new(unstreamed(response).await)));
    }
    Ok(http::Response::from(response).map(|body| tap(body, notes)).into())
}

fn tap(body: HttpBody, notes: Arc<Notes>) -> HttpBody {
    let bytes = Response::from(http::Response::new(body)).bytes_stream().boxed();
    HttpBody::wrap_stream(Tapped::new(bytes, notes))
}

/// A server that names no type is given the benefit of the doubt.
fn is_event_stream(response: &Response) -> bool {
    let Some(kind) = response.headers().get(CONTENT_TYPE) else { return true };
    kind.to_str()
        .is_ok_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Reads as much of the answer as helps to judge it.
async fn unstreamed(mut response: Response) -> Unstreamed {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let patient = if status.is_success() { Duration::from_hours(1) } else { REFUSAL_TIMEOUT };
    let until = Instant::now() + patient;
    let mut body = Vec::new();
    while body.len() < MAX_WHOLE_BYTES
        && let Ok(Ok(Some(bytes))) = timeout_at(until, response.chunk()).await
    {
        body.extend_from_slice(&bytes);
    }
    Unstreamed { status: status.as_u16(), headers, body }
}

fn judge(error: OpenAIError) -> Result<Opened, Failure> {
    if let OpenAIError::Reqwest(error) = &error {
        return Err(lost(error));
    }
    if let OpenAIError::Boxed(boxed) = &error
        && let Some(answer) = boxed.downcast_ref::<Unstreamed>()
    {
        return answer.judge();
    }
    Err(Failure::well(ModelError::Failed("the request could not be written".to_owned())))
}

fn lost(error: &reqwest::Error) -> Failure {
    let reason = if error.is_connect() { "no connection" } else { "the connection was lost" };
    Failure::unreachable(reason)
}

impl Unstreamed {
    fn judge(&self) -> Result<Opened, Failure> {
        if !(200..300).contains(&self.status) {
            return Err(Refused::read(self.status, &self.headers, &self.body).failure());
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) if value.is_object() || value.is_array() => Ok(Opened::Whole(value)),
            _ => Err(Failure::ill(ModelError::Failed(
                "the answer is neither an event stream nor JSON; check GEMINI_BASE_URL".to_owned(),
            ))),
        }
    }
}
