//! CORS: which pages of other origins may call this server.

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{rate_limit, request_id};

/// How long a browser may keep the answer to a preflight: the most that Chromium keeps.
const MAX_AGE: Duration = Duration::from_hours(2);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages served from this machine, whatever their port, and these.
    LoopbackAnd(Vec<String>),
    /// These and no others.
    Exactly(Vec<String>),
}

pub(crate) fn layer(origins: Origins) -> CorsLayer {
    let allowed = move |origin: &HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| origins.allow(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            HeaderName::from_static("chatkit-frame-instance-id"),
            HeaderName::from_static("idempotency-key"),
            request_id::HEADER,
        ])
        .max_age(MAX_AGE)
        .expose_headers([
            header::RETRY_AFTER,
            rate_limit::LIMIT,
            rate_limit::POLICY,
            request_id::HEADER,
        ])
}

impl Origins {
    fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(named) => named.iter().any(|allowed| allowed == origin),
            Self::LoopbackAnd(named) => {
                is_loopback(origin) || named.iter().any(|allowed| allowed == origin)
            }
        }
    }
}

fn is_loopback(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").unwrap_or_default();
    let port = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|name| host.strip_prefix(name));
    port.is_some_and(|port| {
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    })
}
