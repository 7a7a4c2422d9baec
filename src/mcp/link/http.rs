//! The transport for streamable HTTP, with our own client: with rmcp's defaults a call hangs when
//! its server dies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outbound::{Outbound, within_origin};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use super::super::call::server::Server;
use super::super::error::ConnectError;
use super::super::oauth::bearer_client::BearerClient;
use super::super::oauth::server_tokens::ServerTokens;
use super::intake::bounded_client::BoundedClient;
use super::intake::meter::Meter;
use super::intake::metered_client::MeteredClient;
use base::domain::{CallerToken, Secret};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a broken stream is resumed before its call is lost. rmcp's default has no limit, so a
/// call would wait as long as the server is down (ADR 1).
const MAX_RESUMES: usize = 3;
const FIRST_RESUME: Duration = Duration::from_millis(200);

/// What is sent beside calls, such as a request for the list of tools: it must not wait for them.
const BESIDE_CALLS: usize = 8;

/// Whose credential is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Credential<'a> {
    /// What the operator's headers say.
    Operator,
    /// The same, on a server that gets tokens of callers on other sessions.
    OperatorBesideCallers,
    Caller(&'a CallerToken),
    /// What a caller signed in for (ADR 46).
    SignedIn(&'a Arc<ServerTokens>),
}

/// Sends nothing yet.
pub(crate) fn transport(
    server: &Server,
    (url, headers): (&str, &[(String, Secret)]),
    credential: Credential<'_>,
    meter: &Arc<Meter>,
) -> Result<StreamableHttpClientTransport<MeteredClient<BearerClient<BoundedClient>>>, ConnectError>
{
    let url = Url::parse(url).map_err(|_| ConnectError::Unusable)?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
    config.custom_headers = read_headers(headers)?;
    if let Credential::Caller(token) = credential {
        // Never both: the server must not take a caller for the operator.
        let bearer = Secret::new(format!("Bearer {}", token.text.expose()));
        config.custom_headers.extend([read_header(AUTHORIZATION.as_str(), &bearer)?]);
    }
    let redirects = match credential {
        Credential::Operator => within_origin(),
        // Not even within the origin, and not only for callers: so it is noticed at the start.
        Credential::OperatorBesideCallers | Credential::Caller(_) | Credential::SignedIn(_) => {
            Policy::none()
        }
    };
    let mut resume = ExponentialBackoff::default();
    resume.max_times = Some(MAX_RESUMES);
    resume.base_duration = FIRST_RESUME;
    config.retry_config = Arc::new(resume);
    // Or rmcp would send a call that was answered with 404 a second time, whatever it changes. The
    // supervisor connects again, and our own rule says what may be repeated (ADR 12).
    config.reinit_on_expired_session = false;
    // Or calls would wait in rmcp for each other, within their time and unseen (ADR 39).
    config.max_concurrent_requests = usize::from(server.settings.max_calls) + BESIDE_CALLS;
    let http = BoundedClient::new(client(&url, redirects, &server.outbound)?);
    let tokens = match credential {
        Credential::Operator | Credential::OperatorBesideCallers => server.tokens.clone(),
        Credential::Caller(_) => None,
        Credential::SignedIn(tokens) => Some(Arc::clone(tokens)),
    };
    let client = BearerClient { http, tokens };
    let client = MeteredClient::new(client, Arc::clone(meter));
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// No total timeout, which would cut the stream of notifications. Calls have their own limit.
fn client(url: &Url, redirects: Policy, outbound: &Outbound) -> Result<Client, ConnectError> {
    let client =
        outbound.client(url).connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).redirect(redirects);
    // A reused connection stalls for 40 ms on a server without TCP_NODELAY. A new one costs less,
    // except for a TLS handshake.
    let client = if url.scheme() == "https" { client } else { client.pool_max_idle_per_host(0) };
    client.build().map_err(|_| ConnectError::Unusable)
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
