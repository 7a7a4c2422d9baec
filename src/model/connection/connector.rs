//! The way to the provider: straight there, or by the proxy that the environment names.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Body;
use rustls::ClientConfig;
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use super::BoxError;
use super::provider_connection::Stream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that is gone is noticed after about a minute of silence, or 30 s of what it does not take.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
const UNTAKEN: Duration = Duration::from_secs(30);
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Opens connections to one server.
pub(in crate::model) struct Connector {
    server: Uri,
    proxy: Option<Intercept>,
    tls: Arc<ClientConfig>,
    straight: HttpsConnector<HttpConnector>,
    /// What every request says of us.
    headers: HeaderMap,
}

impl Connector {
    /// The way to this server. A proxy is not asked for the way to ourselves.
    pub(in crate::model) fn new(server: Uri, is_here: bool, tls: Arc<ClientConfig>) -> Self {
        let proxy = Some(&server).filter(|_| !is_here);
        let proxy = proxy.and_then(|server| Matcher::from_env().intercept(server));
        let straight = HttpsConnector::from((tcp(), Arc::clone(&tls)));
        let headers = headers(&server, proxy.as_ref());
        Self { server, proxy, tls, straight, headers }
    }

    /// A connection to whoever takes the requests.
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

    /// Writes on a request what whoever takes it needs to know.
    pub(super) fn address(&self, mut request: Request<Body>) -> Request<Body> {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
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
    // What goes through a tunnel is not the proxy's to read.
    let auth = proxy.filter(|_| is_plain(server)).and_then(Intercept::basic_auth);
    headers.extend(auth.map(|auth| (PROXY_AUTHORIZATION, auth.clone())));
    headers
}

fn is_plain(server: &Uri) -> bool {
    server.scheme() == Some(&Scheme::HTTP)
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Shared out among the addresses of a name, so that one which is silent leaves time for the next.
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
