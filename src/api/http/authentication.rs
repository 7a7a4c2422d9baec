//! Who calls: recognised by the credential in the `authorization` header (ADR 29).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base::domain::{Authenticator, Caller, NotRecognised, Scope};

use super::super::error::ApiError;
use super::super::state::Api;

/// Recognises callers, each by the first way that knows its kind of credential.
#[derive(Clone)]
pub struct Authentication {
    pub ways: Vec<Arc<dyn Authenticator>>,
    /// Whom a request without a credential comes from; `None` if it is refused.
    pub anonymous: Option<Caller>,
}

/// The caller of a request that may have conversations. A handler has no other way to a caller, so
/// none is reached by somebody unknown.
#[derive(Clone, Debug)]
pub(crate) struct Asking(pub(crate) Caller);

impl Authentication {
    /// On a server that serves everybody.
    pub fn everybody() -> Self {
        Self { ways: Vec::new(), anonymous: Some(Caller::anyone()) }
    }

    pub(crate) async fn caller_of(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(credential) = headers.get(header::AUTHORIZATION) else {
            return self.anonymous.clone().ok_or(ApiError::NoCredential);
        };
        // A server that recognises nobody cannot tell a wrong credential from a right one, and
        // front ends send one whatever the server is.
        if self.ways.is_empty()
            && let Some(anyone) = &self.anonymous
        {
            return Ok(anyone.clone());
        }
        // Of several, a proxy in front might go by another.
        let is_one = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_none();
        let credential = credential.to_str().ok().filter(|_| is_one);
        let token = credential.and_then(bearer).ok_or(ApiError::NotABearer)?;
        for way in &self.ways {
            if let Some(recognition) = way.recognise(token).await {
                return recognition.map_err(refusal);
            }
        }
        Err(refusal(NotRecognised::Wrong("credential of an unknown kind")))
    }
}

impl FromRequestParts<Api> for Asking {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let caller = api.authentication.caller_of(&parts.headers).await?;
        if caller.may(Scope::Chat) { Ok(Self(caller)) } else { Err(ApiError::NotAllowed) }
    }
}

fn bearer(credential: &str) -> Option<&str> {
    let (scheme, token) = credential.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn refusal(error: NotRecognised) -> ApiError {
    match error {
        NotRecognised::Wrong(reason) => {
            // The client is not told which it was: that would help to guess.
            tracing::info!(reason, "Credential refused");
            ApiError::WrongCredential
        }
        NotRecognised::Unavailable { retry_in } => ApiError::CannotCheck { retry_in },
    }
}
