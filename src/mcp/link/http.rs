//! The transport for streamable HTTP, with our own client: with rmcp's defaults a call hangs when
//! its server dies.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, StatusCode, Url};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use super::super::error::ConnectError;
use base::domain::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_REDIRECTS: usize = 5;
/// How often a broken stream is resumed before its call is lost. rmcp's default has no limit, so a
/// call would wait as long as the server is down (ADR 1).
const MAX_RESUMES: usize = 3;
const FIRST_RESUME: Duration = Duration::from_millis(200);

/// Sends nothing yet.
pub(crate) fn transport(
    url: &str,
    headers: &[(String, Secret)],
) -> Result<StreamableHttpClientTransport<Client>, ConnectError> {
    let url = Url::parse(url).map_err(|_| ConnectError::Unusable)?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
    config.custom_headers = read_headers(headers)?;
    let mut resume = ExponentialBackoff::default();
    resume.max_times = Some(MAX_RESUMES);
    resume.base_duration = FIRST_RESUME;
    config.retry_config = Arc::new(resume);
    Ok(StreamableHttpClientTransport::with_client(client(&url)?, config))
}

/// No total timeout, which would cut the stream of notifications. Calls have their own limit.
fn client(url: &Url) -> Result<Client, ConnectError> {
    // Building any reqwest client panics without a provider. If another part of the process
    // installed one first, that is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(Policy::custom(follow));
    // A proxy would look for the server on its own machine.
    let client = if is_loopback(url) { client.no_proxy() } else { client };
    // A reused connection stalls for 40 ms on a server without TCP_NODELAY. A new one costs less,
    // except for a TLS handshake.
    let client = if url.scheme() == "https" { client } else { client.pool_max_idle_per_host(0) };
    client.build().map_err(|_| ConnectError::Unusable)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Another origin would get our headers, which may contain a key. 301 to 303 would drop the body.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_body =
        matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let first = attempt.previous().first();
    let same_origin = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_body && same_origin && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn read_headers(
    headers: &[(String, Secret)],
) -> Result<HashMap<HeaderName, HeaderValue>, ConnectError> {
    headers.iter().map(|(name, value)| read_header(name, value)).collect()
}

fn read_header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), ConnectError> {
    let name = HeaderName::try_from(name).map_err(|_| ConnectError::Unusable)?;
    let mut value = HeaderValue::try_from(value.expose()).map_err(|_| ConnectError::Unusable)?;
    value.set_sensitive(true);
    Ok((name, value))
}
