//! The port by which the server learns who calls. One implementation for each kind of credential.

use std::time::Duration;

use futures::future::BoxFuture;

use super::Caller;

pub trait Authenticator: Send + Sync {
    /// Who presents this bearer token; `None` if it is a credential of another kind. Never makes a
    /// call for each request (ADR 29).
    fn recognise<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Recognition>>;
}

/// The caller, or why there is none.
pub type Recognition = Result<Caller, NotRecognised>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRecognised {
    /// It is unknown, was revoked, has expired, or is not for this server. Says which, for the log.
    #[error("{0}")]
    Wrong(&'static str),
    /// It cannot be judged yet.
    #[error("what is needed to check it is not available")]
    Unavailable { retry_in: Duration },
}
