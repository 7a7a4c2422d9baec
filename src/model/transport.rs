//! Sends one HTTP request per attempt: async-openai writes it, our own connections send it (ADR 2,
//! ADR 26). Retries are the guard's.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use outbound::{NotAllowed, Outbound};
use reqwest::Response;
use rustls_platform_verifier::BuilderVerifierExt;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::timeout;
use tower::service_fn;

use super::connection::connector::Connector;
use super::connection::pool::{Lost, Pool};
use super::connection::response::ProviderResponse;
use super::connection::sent_bytes::SentBytes;
use super::cost::bill::Bill;
use super::endpoint::Endpoint;
use super::fault::failure::{Failure, unavailable};
use super::fault::provider_refusal::ProviderRefusal;
use super::request::body::Body;
use super::settings::SettingsError;
use base::agents::ModelError;
use base::cores::PerCore;
use base::domain::is_out_of_files;

/// How long the body of a refusal may take after its status: it only helps to explain.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
// An answer without events, a refusal or a list of models. Beyond this, reading stops.
const MAX_WHOLE_BYTES: usize = 1024 * 1024;

/// Sends requests, on each core through its own connections (ADR 25).
pub(super) struct ProviderTransport {
    pools: PerCore<Arc<Pool>>,
    /// Builds request objects for async-openai and sends nothing (ADR 26).
    maker: reqwest::Client,
    endpoint: Endpoint,
}

pub(super) enum OpenedAnswer {
    Stream(ProviderResponse),
    /// A complete answer although a stream was requested.
    Whole(Value),
}

/// The result of sending, as an error for async-openai: only an error gets past its reader.
#[derive(Debug, thiserror::Error)]
#[error("the answer is read elsewhere")]
struct Sent(Result<ProviderResponse, Lost>);

/// An answer that is not an event stream.
#[derive(Debug)]
pub(super) struct Unstreamed {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    end: BodyEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Whole,
    Cut,
    TooLarge,
}

impl ProviderTransport {
    pub(super) fn new(endpoint: Endpoint, outbound: &Outbound) -> Result<Self, SettingsError> {
        // Only the first call of the process installs the provider; later ones fail harmlessly.
        drop(rustls::crypto::ring::default_provider().install_default());
        let tls = tls().map_err(|error| SettingsError::Client(error.to_string()))?;
        let maker = reqwest::Client::builder().tls_backend_preconfigured(tls.clone()).build();
        let maker = maker.map_err(|error| SettingsError::Client(error.to_string()))?;
        let proxy = outbound.proxy_of(endpoint.parsed());
        let connector = Connector::new(endpoint.uri(), proxy, outbound.clone(), Arc::new(tls));
        let connector = Arc::new(connector);
        let pools = PerCore::new(|| Pool::new(Arc::clone(&connector)));
        Ok(Self { pools, maker, endpoint })
    }

    /// Sends one request and returns when the answer begins.
    pub(super) async fn open(
        &self,
        body: &Body<'_>,
        bill: &mut Bill<'_>,
    ) -> Result<OpenedAnswer, Failure> {
        let (pool, sent) = (Arc::clone(self.pools.here()), bill.sent.clone());
        let service = service_fn(move |request| send(Arc::clone(&pool), sent.clone(), request));
        // The service must be set last: it replaces the default client, which retries on its own
        // (ADR 2).
        let client = Client::build(self.maker.clone(), self.endpoint.clone());
        let client = client.with_http_service(service);
        let sent = client.chat().create_stream_byot::<_, IgnoredAny>(body).await;
        match sent.map_or_else(answer_in, |_| Err(unwritten())) {
            Ok(answer) => opened(answer, bill).await,
            Err(failure) => {
                // Whoever did not answer is not paid, whatever it has received.
                bill.cancel();
                Err(failure)
            }
        }
    }

    /// Requests the list of models. A refusal is a result, not an error.
    pub(super) async fn models(&self) -> Result<Unstreamed, Failure> {
        let request = self.maker.get(self.endpoint.url("/models")).headers(self.endpoint.headers());
        let request = request.build().and_then(TryInto::try_into).map_err(|_| unwritten())?;
        let sent = self.pools.here().send(request, &SentBytes::default()).await;
        Ok(unstreamed(sent.map_err(|error| lost(&error))?).await)
    }
}

/// Reading the system's root certificates takes 10 ms and half a megabyte, so it is done once for
/// all cores (ADR 25).
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let verified = rustls::ClientConfig::builder().with_platform_verifier()?;
    let mut config = verified.with_no_client_auth();
    // `connection` drives HTTP/1 only, one request at a time (ADR 26).
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Sends once and takes the answer away from async-openai, whose reader reads ahead without a
/// limit, in a separate task, and reports an end and a cut alike (ADR 2).
async fn send(
    pool: Arc<Pool>,
    sent: SentBytes,
    request: HttpRequestFactory,
) -> Result<Response, OpenAIError> {
    let request = request.build().await?.try_into()?;
    Err(OpenAIError::Boxed(Box::new(Sent(pool.send(request, &sent).await))))
}

fn answer_in(error: OpenAIError) -> Result<ProviderResponse, Failure> {
    let OpenAIError::Boxed(boxed) = error else { return Err(unwritten()) };
    let sent = boxed.downcast::<Sent>().map_err(|_| unwritten())?;
    sent.0.map_err(|error| lost(&error))
}

/// Decides by the head how an answer is read.
pub(super) async fn opened(
    mut answer: ProviderResponse,
    bill: &mut Bill<'_>,
) -> Result<OpenedAnswer, Failure> {
    if answer.status.is_success() {
        bill.begin();
    } else {
        bill.cancel();
    }
    if answer.status.is_success() && is_event_stream(&answer.headers) {
        // Headers reference the buffer of the head: dropped, hyper can reuse it for the body.
        drop(std::mem::take(&mut answer.headers));
        return Ok(OpenedAnswer::Stream(answer));
    }
    unstreamed(answer).await.judge(bill)
}

/// Without a content type the answer is read as a stream.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    kind.to_str()
        .is_ok_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Reads as much as is needed to judge the answer. A success is read to its end, within the
/// caller's limit for a first event.
async fn unstreamed(mut answer: ProviderResponse) -> Unstreamed {
    let status = answer.status;
    let headers = std::mem::take(&mut answer.headers);
    let mut body = Vec::new();
    let end = if status.is_success() {
        read_body(&mut answer, &mut body).await
    } else {
        let read = timeout(REFUSAL_TIMEOUT, read_body(&mut answer, &mut body));
        read.await.unwrap_or(BodyEnd::Cut)
    };
    Unstreamed { status: status.as_u16(), headers, body, end }
}

async fn read_body(answer: &mut ProviderResponse, body: &mut Vec<u8>) -> BodyEnd {
    loop {
        match answer.piece().await {
            Ok(Some(_)) if body.len() >= MAX_WHOLE_BYTES => return BodyEnd::TooLarge,
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => return BodyEnd::Whole,
            Err(_) => return BodyEnd::Cut,
        }
    }
}

fn lost(error: &Lost) -> Failure {
    if is_out_of_files(error) {
        // Our own fault: it must not open the provider's breaker.
        return Failure::unsent(unavailable("this server has no free file", None));
    }
    if let Some(why) = NotAllowed::find_in(error) {
        return Failure::not_allowed(why);
    }
    Failure::unreachable(match error {
        Lost::Unconnected(_) => "no connection",
        Lost::Cut(_) => "the connection was lost",
    })
}

fn unwritten() -> Failure {
    Failure::unsent(ModelError::Failed("the request could not be written".to_owned()))
}

impl Unstreamed {
    fn judge(&self, bill: &mut Bill<'_>) -> Result<OpenedAnswer, Failure> {
        if !(200..300).contains(&self.status) {
            return Err(ProviderRefusal::read(self.status, &self.headers, &self.body).failure());
        }
        let value = serde_json::from_slice::<Value>(&self.body);
        let value = value.ok().filter(|value| value.is_object() || value.is_array());
        let failed = |why: &str| Err(Failure::ill(ModelError::Failed(why.to_owned())));
        match (self.end, value) {
            (_, Some(value)) => Ok(OpenedAnswer::Whole(value)),
            (BodyEnd::Whole, None) => {
                bill.cancel();
                failed("the answer is neither an event stream nor JSON; check GEMINI_BASE_URL")
            }
            (BodyEnd::Cut, None) => Err(Failure::cut()),
            (BodyEnd::TooLarge, None) => failed("the reply is too large"),
        }
    }
}
