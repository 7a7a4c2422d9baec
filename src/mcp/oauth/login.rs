//! An operator signs in at a server: from the server's metadata to a grant in the vault.

use super::super::{ServerSettings, Settings};
use super::authorization::{Asked, Authorization, LoginError, answer_of, exchange, parameter};
use super::vault::{TokenVault, place_of};
use base::domain::TokenPlace;

/// A login that waits for the browser to come back.
pub struct Login {
    authorization: Authorization,
    place: TokenPlace,
    vault: TokenVault,
}

impl Login {
    /// Finds the server's issuer, and registers there unless the operator named a client. `scopes`
    /// are asked for in addition to what was granted before.
    pub async fn begin(
        server: &ServerSettings,
        settings: &Settings,
        vault: TokenVault,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<Self, LoginError> {
        let place = place_of(server).ok_or(LoginError::NotFor)?;
        // Before anybody signs in for nothing.
        let before = vault.find(&place).await?.and_then(|kept| kept.grant);
        let asked = Asked { redirect_uri, scopes, before: before.as_deref() };
        let authorization = Authorization::request(server, settings, asked).await?;
        Ok(Self { authorization, place, vault })
    }

    /// Where the operator signs in.
    pub fn link(&self) -> &str {
        self.authorization.link.as_str()
    }

    /// Whether a browser that comes with this query answers this login. Anything on this machine can
    /// call the address.
    pub fn is_answered_by(&self, query: &str) -> bool {
        let state = parameter(&self.authorization.link, "state");
        state.is_some() && answer_of(query, "state") == state
    }

    /// Exchanges the code of the query for tokens and stores them. Returns the scopes.
    pub async fn finish(self, query: &str) -> Result<Vec<String>, LoginError> {
        let Authorization { mut issuer, client, .. } = self.authorization;
        let grant = exchange(&mut issuer, client, query).await?;
        let scopes = grant.credentials.granted_scopes.clone();
        self.vault.keep(&self.place, &grant.into(), None).await?;
        Ok(scopes)
    }
}
