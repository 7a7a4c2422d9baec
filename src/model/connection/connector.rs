//! Opens connections to the provider, directly or through the proxy of the environment, with
//! reqwest's limits (ADR 26).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use outbound::Outbound;
use reqwest::Body;
use rustls::ClientConfig;
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use super::BoxError;
use super::provider_connection::Stream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A dead peer is noticed after about a minute of silence (15 s, then three probes), or after 30 s
/// of unacknowledged bytes.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
const UNTAKEN: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("orchestrator/", env!("CARGO_PKG_VERSION"));

pub(crate) struct Connector {
    server: Uri,
    proxy: Option<Intercept>,
    tls: Arc<ClientConfig>,
    straight: HttpsConnector<HttpConnector<Outbound>>,
    /// Sent with every request.
    headers: HeaderMap,
}

impl Connector {
    pub(crate) fn new(
        server: Uri,
        proxy: Option<Intercept>,
        outbound: Outbound,
        tls: Arc<ClientConfig>,
    ) -> Self {
        let straight = HttpsConnector::from((tcp(outbound), Arc::clone(&tls)));
        let headers = headers(&server, proxy.as_ref());
        Self { server, proxy, tls, straight, headers }
    }

    pub(super) async fn connect(&self) -> Result<Stream, BoxError> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(CONNECT_TIMEOUT, self.open()).await.map_err(late)?
    }

    async fn open(&self) -> Result<Stream, BoxError> {
        let to = self.server.clone();
        match &self.proxy {
            None => opened(self.straight.clone(), to).await,
            Some(proxy) if is_plain(&self.server) => {
                opened(self.straight.clone(), proxy.uri().clone()).await
            }
            Some(proxy) => {
                let agent = (USER_AGENT, HeaderValue::from_static(AGENT));
                let auth = proxy.basic_auth().map(|auth| (PROXY_AUTHORIZATION, auth.clone()));
                let tunnel = Tunnel::new(proxy.uri().clone(), self.straight.clone());
                let tunnel = tunnel.with_headers([agent].into_iter().chain(auth).collect());
                opened(HttpsConnector::from((tunnel, Arc::clone(&self.tls))), to).await
            }
        }
    }

    /// Adds the headers, and the form of the address that the receiver expects.
    pub(super) fn address(&self, mut request: Request<Body>) -> Request<Body> {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        // Only an http proxy needs the whole address; a server and a tunnel get the path.
        if self.proxy.is_none() || !is_plain(&self.server) {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        }
        request
    }
}

fn headers(server: &Uri, proxy: Option<&Intercept>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let host = server.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    headers.extend(host.map(|host| (HOST, host)));
    // Through a tunnel the server would read the proxy's password, so only `Tunnel` sends it.
    let auth = proxy.filter(|_| is_plain(server)).and_then(Intercept::basic_auth);
    headers.extend(auth.map(|auth| (PROXY_AUTHORIZATION, auth.clone())));
    headers
}

fn is_plain(server: &Uri) -> bool {
    server.scheme() == Some(&Scheme::HTTP)
}

fn tcp(outbound: Outbound) -> HttpConnector<Outbound> {
    let mut tcp = HttpConnector::new_with_resolver(outbound);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Divided among the addresses of a name, so that a silent one leaves time for the next.
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNTAKEN));
    tcp
}

async fn opened<C>(connector: C, to: Uri) -> Result<Stream, BoxError>
where
    C: Service<Uri, Error = BoxError>,
    C::Response: super::provider_connection::ByteStream + 'static,
{
    Ok(Box::new(connector.oneshot(to).await?))
}
