//! Which pages of other origins may talk to us.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id;

/// The origins that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages served from this machine, whatever their port.
    Loopback,
    /// These and no others.
    Exactly(Vec<String>),
}

/// The layer that tells browsers.
pub(super) fn layer(origins: Origins) -> CorsLayer {
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
        ])
        .expose_headers([header::RETRY_AFTER, request_id::HEADER])
}

impl Origins {
    fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(origins) => origins.iter().any(|allowed| allowed == origin),
            Self::Loopback => {
                let host = origin.strip_prefix("http://").unwrap_or_default();
                let (name, port) = host.split_once(':').unwrap_or((host, "80"));
                matches!(name, "localhost" | "127.0.0.1") && port.parse::<u16>().is_ok()
            }
        }
    }
}
