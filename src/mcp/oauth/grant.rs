//! What an authorization server granted us: tokens, and what renewing them takes.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rmcp::transport::auth::StoredCredentials;
use serde::{Deserialize, Serialize};

use base::domain::Secret;

/// A token is renewed if it ends within this time, or within half of its life if that is less: it must
/// outlast the request that it is sent with.
const MARGIN: u64 = 30;

/// Kept sealed, as JSON.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) credentials: StoredCredentials,
    pub(super) client: GrantedClient,
    access_token: String,
    is_renewable: bool,
    /// In seconds since 1970; `None` if the issuer did not say.
    expires: Option<u64>,
    /// How long before that it is renewed, in seconds.
    margin: u64,
}

/// What a renewal needs besides the tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct GrantedClient {
    /// Of the client that was registered, or that the operator named.
    pub(super) secret: Option<String>,
    pub(super) redirect_uri: String,
    /// What the server said to a request without a token: where its metadata is.
    pub(super) challenge: Option<String>,
    /// Which sign-in of a caller it came from; renewals keep it.
    #[serde(default)]
    pub(super) sign_in: Option<String>,
}

/// What is needed of an issuer's answer.
#[derive(Deserialize)]
struct IssuedTokens {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

impl Grant {
    /// `None` if the credentials hold no token.
    pub(super) fn new(credentials: StoredCredentials, client: GrantedClient) -> Option<Self> {
        let issued = serde_json::to_value(credentials.token_response.as_ref()?).ok()?;
        let IssuedTokens { access_token, refresh_token, expires_in } =
            serde_json::from_value(issued).ok()?;
        let received = credentials.token_received_at.unwrap_or_else(now);
        let expires = expires_in.map(|seconds| received.saturating_add(seconds));
        let margin = expires_in.map_or(MARGIN, |seconds| (seconds / 2).min(MARGIN));
        Some(Self {
            credentials,
            client,
            access_token,
            is_renewable: refresh_token.is_some(),
            expires,
            margin,
        })
    }

    /// Which sign-in it came from; `None` of an operator's.
    pub(super) fn sign_in(&self) -> Option<&str> {
        self.client.sign_in.as_deref()
    }

    pub(super) fn access_token(&self) -> Secret {
        Secret::new(&self.access_token)
    }

    /// What ends the whole sign-in at the issuer: the refresh token if there is one.
    pub(super) fn revocable(&self) -> Secret {
        let issued = self.credentials.token_response.as_ref();
        let issued = issued.and_then(|issued| serde_json::to_value(issued).ok());
        let issued = issued.and_then(|it| serde_json::from_value::<IssuedTokens>(it).ok());
        issued.and_then(|it| it.refresh_token).map_or_else(|| self.access_token(), Secret::new)
    }

    pub(super) fn is_renewable(&self) -> bool {
        self.is_renewable
    }

    /// Whether it should be renewed before it is sent again.
    pub(super) fn is_due(&self) -> bool {
        self.is_renewable && self.ends_within(self.margin)
    }

    pub(super) fn is_over(&self) -> bool {
        self.ends_within(0)
    }

    fn ends_within(&self, seconds: u64) -> bool {
        self.expires.is_some_and(|end| end <= now().saturating_add(seconds))
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Grant(***)")
    }
}

/// In seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
