//! The authorization server of a tool server: how it is found, and how a grant of it is renewed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, CredentialStore,
    InMemoryCredentialStore, OAuthClientConfig,
};
use tokio::time::timeout;

use super::exchange::{Exchange, is_usable};
use super::grant::{Grant, GrantedClient};

/// Finding it takes several requests.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) struct Issuer {
    pub(super) manager: AuthorizationManager,
    pub(super) metadata: AuthorizationMetadata,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum IssuerFault {
    #[error("it publishes no metadata for OAuth")]
    None,
    #[error("the metadata names an address that may not be used")]
    NotAllowed,
    #[error("the metadata is about another server, so it is not used")]
    Mismatch,
    #[error("the metadata could not be read in time")]
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RenewalFault {
    #[error("the sign-in is over; only another one helps")]
    Over,
    #[error("its issuer could not be asked; it is tried again")]
    Failed,
}

impl Issuer {
    /// Asks the tool server for the metadata of its resource, and then its issuer for its own. rmcp
    /// checks that each is about what it was asked for.
    /// `challenge` is what the server said to a request without a token: some name their metadata
    /// nowhere else.
    pub(super) async fn find(
        exchange: Exchange,
        challenge: Option<&str>,
    ) -> Result<Self, IssuerFault> {
        let server = exchange.server.clone();
        let manager =
            AuthorizationManager::new_with_oauth_http_client(server.clone(), Arc::new(exchange));
        let mut manager = manager.await.map_err(|_| IssuerFault::Unreachable)?;
        let resolving = manager.resolve_metadata_from_challenge(challenge);
        let resolved = timeout(DISCOVERY_TIMEOUT, resolving).await;
        let resolved = resolved.map_err(|_| IssuerFault::Unreachable)?;
        let resolved = resolved.map_err(|error| fault_of(&error))?;
        // Endpoints that are only guessed belong to whoever answers there.
        if !resolved.source.is_discovered() {
            return Err(IssuerFault::None);
        }
        let metadata = resolved.metadata;
        if !endpoints(&metadata).all(|url| is_fine(url, &server)) {
            return Err(IssuerFault::NotAllowed);
        }
        manager.set_metadata(metadata.clone());
        Ok(Self { manager, metadata })
    }

    pub(super) fn says(&self, member: &str) -> bool {
        self.metadata.additional_fields.get(member).is_some_and(|value| *value == true)
    }
}

fn endpoints(metadata: &AuthorizationMetadata) -> impl Iterator<Item = &str> {
    let needed = [&metadata.authorization_endpoint, &metadata.token_endpoint];
    needed.into_iter().chain(&metadata.registration_endpoint).map(String::as_str)
}

fn is_fine(url: &str, server: &Url) -> bool {
    Url::parse(url).is_ok_and(|url| is_usable(&url, server))
}

fn fault_of(error: &AuthError) -> IssuerFault {
    match error {
        AuthError::ProtectedResourceMetadataInvalid { .. }
        | AuthError::AuthorizationServerMismatch { .. }
        | AuthError::AuthorizationServerMissingIssuer { .. } => IssuerFault::Mismatch,
        AuthError::NoAuthorizationSupport => IssuerFault::None,
        AuthError::DiscoveryRequestFailed { .. } | _ => IssuerFault::Unreachable,
    }
}

/// Asks the issuer for new tokens. The issuer is found anew: its refresh token goes to nobody else.
pub(super) async fn renew(exchange: Exchange, grant: &Grant) -> Result<Grant, RenewalFault> {
    let challenge = grant.client.challenge.as_deref();
    let found = Issuer::find(exchange, challenge).await;
    let mut issuer = found.map_err(|_| RenewalFault::Failed)?;
    if issuer.metadata.issuer != grant.credentials.issuer {
        return Err(RenewalFault::Over);
    }
    let GrantedClient { secret, redirect_uri, .. } = &grant.client;
    let config = client(&grant.credentials.client_id, secret.as_deref(), redirect_uri);
    let manager = &mut issuer.manager;
    manager.configure_client(config).map_err(|_| RenewalFault::Failed)?;
    let store = InMemoryCredentialStore::new();
    store.save(grant.credentials.clone()).await.map_err(|_| RenewalFault::Failed)?;
    manager.set_credential_store(store.clone());
    match manager.refresh_token().await {
        Ok(_) => granted(&store, grant.client.clone()).await.ok_or(RenewalFault::Failed),
        Err(AuthError::AuthorizationRequired | AuthError::TokenRefreshRejected(_)) => {
            Err(RenewalFault::Over)
        }
        Err(_) => Err(RenewalFault::Failed),
    }
}

/// Tells the issuer that a sign-in is over (RFC 7009). Whether it took that; some have no way to.
pub(super) async fn revoke(exchange: Exchange, grant: &Grant) -> bool {
    let challenge = grant.client.challenge.as_deref();
    let Ok(issuer) = Issuer::find(exchange.clone(), challenge).await else { return false };
    let endpoint = issuer.metadata.additional_fields.get("revocation_endpoint");
    let endpoint = endpoint.and_then(|it| Url::parse(it.as_str()?).ok());
    // Its refresh token goes to nobody else.
    let is_same = issuer.metadata.issuer == grant.credentials.issuer;
    let Some(endpoint) = endpoint.filter(|_| is_same) else { return false };
    let token = grant.revocable();
    let client = (grant.credentials.client_id.as_str(), grant.client.secret.as_deref());
    exchange.post_form(&endpoint, &[("token", token.expose())], client).await.unwrap_or(false)
}

/// What an exchange left.
pub(super) async fn granted(
    store: &InMemoryCredentialStore,
    client: GrantedClient,
) -> Option<Grant> {
    Grant::new(store.load().await.ok()??, client)
}

/// A client that is registered already.
pub(super) fn client(id: &str, secret: Option<&str>, redirect_uri: &str) -> OAuthClientConfig {
    let config = OAuthClientConfig::new(id, redirect_uri);
    match secret {
        Some(secret) => config.with_client_secret(secret),
        None => config,
    }
}
