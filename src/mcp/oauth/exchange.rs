//! The requests to authorization servers: through our own ways out, and with limits.
//!
//! Their addresses come from the tool server and not from the operator, so less is allowed than
//! elsewhere (ADR 31, ADR 42).

use std::net::IpAddr;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use outbound::{Network, Outbound, is_here, network_of};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Request, Response, Url};
use rmcp::transport::auth::{
    OAuthHttpClient, OAuthHttpClientError, OAuthHttpClientFuture, OAuthHttpRequest,
};

/// One request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer: metadata and tokens are a few kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Sends the requests of one server's authorization.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) server: Url,
    pub(super) outbound: Outbound,
}

#[derive(Debug, thiserror::Error)]
enum ExchangeFault {
    #[error("an address that a tool server named may not be reached")]
    NotAllowed,
    #[error("the answer is too long")]
    TooLong,
}

/// Whether an address that a tool server named may be used. Only the operator may name addresses in
/// private networks, and a token must not be read on its way.
pub(super) fn is_usable(url: &Url, server: &Url) -> bool {
    if url.origin() == server.origin() || (is_here(url) && is_here(server)) {
        return true;
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_public = |address: IpAddr| network_of(address) == Network::Public;
    url.scheme() == "https" && !is_here(url) && host.parse().map_or(true, is_public)
}

impl OAuthHttpClient for Exchange {
    /// Follows no redirect, whatever is asked for: it would carry a token or a code elsewhere.
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        self.send(request).boxed()
    }
}

impl Exchange {
    async fn send(&self, request: OAuthHttpRequest) -> Result<HttpAnswer, OAuthHttpClientError> {
        let request = Request::try_from(request.request)?;
        if !is_usable(request.url(), &self.server) {
            return Err(ExchangeFault::NotAllowed.into());
        }
        let client = self.client(request.url())?;
        read(client.execute(request).await?).await
    }

    /// Posts a form as a client of the issuer; whether it was taken.
    pub(super) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        (client, secret): (&str, Option<&str>),
    ) -> Result<bool, OAuthHttpClientError> {
        if !is_usable(url, &self.server) {
            return Err(ExchangeFault::NotAllowed.into());
        }
        let public = secret.is_none().then_some(("client_id", client));
        let form = encoded(form.iter().copied().chain(public));
        let request = self.client(url)?.post(url.clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let request = match secret {
            Some(secret) => request.basic_auth(plain(client), Some(plain(secret))),
            None => request,
        };
        Ok(request.send().await?.status().is_success())
    }

    fn client(&self, url: &Url) -> Result<Client, reqwest::Error> {
        self.outbound.client(url).timeout(REQUEST_TIMEOUT).build()
    }
}

fn encoded<'a>(form: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let url = Url::parse_with_params("http://localhost/", form);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// As RFC 6749 has a client's id and secret in the header.
fn plain(text: &str) -> String {
    encoded([("", text)].into_iter()).trim_start_matches('=').to_owned()
}

type HttpAnswer = http::Response<Vec<u8>>;

async fn read(response: Response) -> Result<HttpAnswer, OAuthHttpClientError> {
    let mut answer = http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    let (mut body, mut chunks) = (Vec::new(), response.bytes_stream());
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > MAX_ANSWER {
            return Err(ExchangeFault::TooLong.into());
        }
    }
    Ok(answer.body(body)?)
}
