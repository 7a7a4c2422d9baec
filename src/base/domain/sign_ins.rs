//! The port to sign-ins of callers at tool servers (ADR 46).

use std::fmt;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Owner, Secret, TokensUnavailable};

/// What a person needs to sign in at a server. Never for the model.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInOffer {
    /// As it is configured.
    pub server: String,
    /// The host at which the account is.
    pub host: String,
    /// Whoever has it can begin the sign-in.
    pub url: String,
}

/// What a link is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPage {
    pub server: String,
    pub host: String,
    /// For whom the account will be used.
    pub owner: Owner,
    /// Those that are known before the server is asked; it may name more.
    pub scopes: Vec<String>,
    /// Binds the sign-in to the browser that is shown this.
    pub browser: Secret,
}

/// A sign-in that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub host: String,
    pub owner: Owner,
}

/// `Display` is for the person. It contains no text of a server but a plain code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInFault {
    #[error("this link is not complete, or its server is not used any more")]
    Unknown,
    #[error("this link is older than ten minutes")]
    Expired,
    #[error("this link was used")]
    Used,
    #[error("it was not begun in this browser, or too long ago, or before a sign-out")]
    OtherBrowser,
    #[error("{0}")]
    Failed(String),
    #[error("there is no room for it, or the database does not answer; wait a moment")]
    Unavailable,
}

pub trait SignIns: Send + Sync {
    /// Whether people reach our pages over https.
    fn is_secure(&self) -> bool;

    fn page(&self, link: &str) -> Result<SignInPage, SignInFault>;

    /// Where the browser goes to sign in.
    fn begin<'a>(
        &'a self,
        link: &'a str,
        browser: &'a Secret,
    ) -> BoxFuture<'a, Result<String, SignInFault>>;

    /// With the query with which the browser came back.
    fn finish<'a>(
        &'a self,
        browser: &'a Secret,
        query: &'a str,
    ) -> BoxFuture<'a, Result<SignedIn, SignInFault>>;

    /// Forgets the owner's sign-in at a server.
    fn sign_out<'a>(
        &'a self,
        owner: &'a Owner,
        server: &'a str,
    ) -> BoxFuture<'a, Result<(), SignInFault>>;
}

impl From<TokensUnavailable> for SignInFault {
    fn from(_: TokensUnavailable) -> Self {
        Self::Unavailable
    }
}

impl fmt::Debug for SignInOffer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SignInOffer({})", self.server)
    }
}
