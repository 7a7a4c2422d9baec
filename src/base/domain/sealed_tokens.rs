//! The port to where tokens for tool servers are kept. It gets and gives sealed texts only (ADR 42).

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

/// A holder that does not finish its renewal within this time has died.
pub const RENEWAL: Duration = Duration::from_secs(30);

pub trait SealedTokens: Send + Sync {
    fn find<'a>(&'a self, place: &'a TokenPlace) -> BoxFuture<'a, SealedResult<Option<String>>>;

    /// Stores this, and ends a claim on the place. With `replaces` only in place of exactly that, or
    /// again: a renewal must not undo a login that came meanwhile. Whether it is stored.
    fn keep<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: &'a str,
        replaces: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>>;

    /// Whether this holder alone, of all processes, may renew what is there: a refresh token that is
    /// used twice is revoked by many issuers. Lasts [`RENEWAL`].
    fn claim<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<bool>>;

    /// Takes out what is there, or exactly this. Whether it was there.
    fn remove<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>>;

    /// Ends a claim without a result.
    fn release<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<()>>;
}

pub type SealedResult<T> = Result<T, TokensUnavailable>;

/// Whose token it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenPlace {
    /// A server: its name, and a digest of its URL.
    pub server: Arc<str>,
    /// The operator, or a caller.
    pub holder: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database does not answer")]
pub struct TokensUnavailable;
