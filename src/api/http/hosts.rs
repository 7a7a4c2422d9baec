//! Which host names this server answers to. A page on the internet can point a name of its own at a
//! private address; the name then gives it away (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::error::ApiError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Whatever a request names: a proxy in front checks it.
    Any,
    /// These names, `localhost`, and every address: an address cannot be pointed elsewhere.
    Named(Vec<String>),
}

impl Hosts {
    fn answers_to(&self, host: &str) -> bool {
        let Self::Named(names) = self else { return true };
        let name = without_port(host).trim_end_matches('.');
        let is_address = || {
            let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            name.parse::<IpAddr>().is_ok()
                || bare.is_some_and(|bare| bare.parse::<Ipv6Addr>().is_ok())
        };
        let is_named = |known: &String| known.eq_ignore_ascii_case(name);
        name.eq_ignore_ascii_case("localhost") || is_address() || names.iter().any(is_named)
    }
}

/// Refuses requests that came under a foreign name, and tells browsers not to guess types.
pub(crate) async fn check(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // A request without a host is not a browser's.
    let is_ours = named.is_none_or(|host| hosts.answers_to(host));
    let mut response =
        if is_ours { next.run(request).await } else { ApiError::UnknownHost.into_response() };
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Within brackets a colon is a part of the address.
        Some((name, port)) if !port.contains(']') => name,
        Some(_) | None => host,
    }
}
