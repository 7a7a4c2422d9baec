//! `POST /admin/reload`, on the private listener alone: has the servers' file read again (ADR 37).

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::error::{ApiError, BrokenRule, summary};
use base::domain::{FileFault, Reload, ReloadError};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotReloaded {
    #[error("No page may ask for this: send the request without the header origin.")]
    FromAPage,
    #[error("There is nothing to reload: MCP_CONFIG names no file of servers.")]
    NoFile,
    #[error("The file of MCP_CONFIG has faults, and nothing was changed. {}", summary(.0))]
    Faulty(Vec<BrokenRule>),
}

impl NotReloaded {
    pub(super) fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::FromAPage => (StatusCode::FORBIDDEN, "from_a_page"),
            Self::NoFile => (StatusCode::CONFLICT, "nothing_to_reload"),
            Self::Faulty(_) => (StatusCode::UNPROCESSABLE_ENTITY, "faulty_file"),
        }
    }
}

impl From<ReloadError> for NotReloaded {
    fn from(error: ReloadError) -> Self {
        let rule = |fault: FileFault| BrokenRule::new(fault.pointer, "faulty_file", fault.message);
        match error {
            ReloadError::NoFile => Self::NoFile,
            ReloadError::Faulty(faults) => Self::Faulty(faults.into_iter().map(rule).collect()),
        }
    }
}

/// No page may do it either: a browser on the operator's machine reaches this address too.
pub(super) async fn reload(
    reload: Arc<dyn Reload>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::NotReloaded(NotReloaded::FromAPage));
    }
    let span = tracing::Span::current();
    let reloaded = spawn_blocking(move || span.in_scope(|| reload.reload())).await;
    let reloaded = reloaded.map_err(|_| ApiError::Internal)?;
    let reloaded = reloaded.map_err(|error| ApiError::NotReloaded(error.into()))?;
    Ok(Json(reloaded).into_response())
}
