//! One HTTP request per attempt: async-openai's client with our own service under it.

use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use rustls_platform_verifier::BuilderVerifierExt;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::timeout;
use tower::service_fn;

use super::endpoint::Endpoint;
use super::fault::failure::{Failure, unavailable};
use super::fault::refused::Refused;
use super::request::body::Body;
use super::settings::SettingsError;
use crate::agents::ModelError;
use crate::cores::PerCore;
use crate::domain::is_out_of_files;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the words of a refusal may take, once its status is known.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_WHOLE_BYTES: usize = 1024 * 1024;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Sends requests, on each core by connections of its own.
pub(super) struct Transport {
    http: PerCore<reqwest::Client>,
    endpoint: Endpoint,
}

/// An answer that began.
pub(super) enum Opened {
    /// Event by event.
    Stream(Response),
    /// All at once, though a stream was asked for.
    Whole(Value),
}

/// An answer, as an error for async-openai.
#[derive(Debug, thiserror::Error)]
#[error("the answer is read elsewhere")]
struct Answer(Response);

/// An answer that is no event stream.
#[derive(Debug)]
pub(super) struct Unstreamed {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    end: BodyEnd,
}

/// How much of a body came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Whole,
    /// It broke off, or took too long.
    Cut,
    TooLarge,
}

impl Transport {
    /// A client of its own, so that nobody else's settings reach it.
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, SettingsError> {
        // Only the first call of the process installs; later ones find it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let tls = tls().map_err(|error| SettingsError::Client(error.to_string()))?;
        let client = || {
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true)
                .redirect(Policy::none())
                .user_agent(USER_AGENT);
            if endpoint.is_loopback() { builder.no_proxy() } else { builder }.build()
        };
        let http =
            PerCore::try_new(client).map_err(|error| SettingsError::Client(error.to_string()))?;
        Ok(Self { http, endpoint })
    }

    /// Sends one request and returns once the answer begins.
    pub(super) async fn open(&self, body: &Body<'_>) -> Result<Opened, Failure> {
        let (http, client) = (self.http.here().clone(), self.http.here().clone());
        let service = service_fn(move |request| send(http.clone(), request));
        // Last of all the service: it takes the place of the client that retries.
        let client = Client::build(client, self.endpoint.clone());
        let client = client.with_http_service(service);
        let sent = client.chat().create_stream_byot::<_, IgnoredAny>(body).await;
        match sent.map_or_else(answer_in, |_| Err(unwritten())) {
            Ok(response) => opened(response).await,
            Err(failure) => Err(failure),
        }
    }

    /// Asks for the list of models; a refusal is an answer too.
    pub(super) async fn models(&self) -> Result<Unstreamed, Failure> {
        let request =
            self.http.here().get(self.endpoint.url("/models")).headers(self.endpoint.headers());
        let response = request.send().await.map_err(|error| lost(&error))?;
        Ok(unstreamed(response).await)
    }
}

/// To read the system's roots takes 10 ms and half a megabyte: once is enough.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let verified = rustls::ClientConfig::builder().with_platform_verifier()?;
    let mut config = verified.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Sends once, and takes the answer out of async-openai's hands: its reader runs ahead of ours
/// without a limit, in a task of its own, and does not tell an end from a cut.
async fn send(http: reqwest::Client, request: HttpRequestFactory) -> Result<Response, OpenAIError> {
    let response = http.execute(request.build().await?).await?;
    Err(OpenAIError::Boxed(Box::new(Answer(response))))
}

fn answer_in(error: OpenAIError) -> Result<Response, Failure> {
    if let OpenAIError::Reqwest(error) = &error {
        return Err(lost(error));
    }
    let OpenAIError::Boxed(boxed) = error else { return Err(unwritten()) };
    boxed.downcast::<Answer>().map(|answer| answer.0).map_err(|_| unwritten())
}

/// What becomes of an answer, once its head is there.
pub(super) async fn opened(mut response: Response) -> Result<Opened, Failure> {
    if response.status().is_success() && is_event_stream(&response) {
        // They keep the buffer that the head was read into from being used for the body.
        drop(std::mem::take(response.headers_mut()));
        return Ok(Opened::Stream(response));
    }
    unstreamed(response).await.judge()
}

/// A server that names no type is given the benefit of the doubt.
fn is_event_stream(response: &Response) -> bool {
    let Some(kind) = response.headers().get(CONTENT_TYPE) else { return true };
    kind.to_str()
        .is_ok_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Reads as much of the answer as helps to judge it: of a success all, for as long as the caller
/// waits for a first event.
async fn unstreamed(mut response: Response) -> Unstreamed {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    let end = if status.is_success() {
        read_body(&mut response, &mut body).await
    } else {
        let read = timeout(REFUSAL_TIMEOUT, read_body(&mut response, &mut body));
        read.await.unwrap_or(BodyEnd::Cut)
    };
    Unstreamed { status: status.as_u16(), headers, body, end }
}

async fn read_body(response: &mut Response, body: &mut Vec<u8>) -> BodyEnd {
    loop {
        match response.chunk().await {
            Ok(Some(_)) if body.len() >= MAX_WHOLE_BYTES => return BodyEnd::TooLarge,
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => return BodyEnd::Whole,
            Err(_) => return BodyEnd::Cut,
        }
    }
}

fn lost(error: &reqwest::Error) -> Failure {
    if is_out_of_files(error) {
        return Failure::unsent(unavailable("this server has no free file", None));
    }
    let reason = if error.is_connect() { "no connection" } else { "the connection was lost" };
    Failure::unreachable(reason)
}

fn unwritten() -> Failure {
    Failure::unsent(ModelError::Failed("the request could not be written".to_owned()))
}

impl Unstreamed {
    fn judge(&self) -> Result<Opened, Failure> {
        if !(200..300).contains(&self.status) {
            return Err(Refused::read(self.status, &self.headers, &self.body).failure());
        }
        let value = serde_json::from_slice::<Value>(&self.body);
        let value = value.ok().filter(|value| value.is_object() || value.is_array());
        let failed = |why: &str| Err(Failure::ill(ModelError::Failed(why.to_owned())));
        match (self.end, value) {
            (_, Some(value)) => Ok(Opened::Whole(value)),
            (BodyEnd::Whole, None) => {
                failed("the answer is neither an event stream nor JSON; check GEMINI_BASE_URL")
            }
            (BodyEnd::Cut, None) => Err(Failure::cut()),
            (BodyEnd::TooLarge, None) => failed("the reply is too large"),
        }
    }
}
