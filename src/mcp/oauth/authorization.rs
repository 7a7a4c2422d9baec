//! One authorization at a server's issuer: the request for which a browser is sent there, and what is
//! made of the answer. Who signs in is not known here.

use std::collections::HashSet;

use reqwest::Url;
use rmcp::transport::auth::{AuthError, InMemoryCredentialStore, InMemoryStateStore};

use super::super::call::server::Server;
use super::super::link::connect::challenge;
use super::super::{OAuthClient, ServerSettings, Settings, Transport};
use super::exchange::Exchange;
use super::grant::{Grant, GrantedClient};
use super::issuer::{Issuer, IssuerFault, client, granted};
use base::domain::TokensUnavailable;

/// As people see it at the issuer.
const CLIENT_NAME: &str = "orchestrator";
const OFFLINE: &str = "offline_access";

/// An authorization that waits for the browser to come back.
pub(super) struct Authorization {
    pub(super) issuer: Issuer,
    /// What the issuer's answer is checked against.
    pub(super) states: InMemoryStateStore,
    pub(super) client: GrantedClient,
    pub(super) link: Url,
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) redirect_uri: &'a str,
    /// In addition to those that are asked for anyway, and to those of before.
    pub(super) scopes: &'a [String],
    /// What was granted before.
    pub(super) before: Option<&'a Grant>,
}

/// `Display` contains no text of a server and no address.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(
        "this server gets no token: sign-ins are for servers with an https \"url\", or one on this machine, without \"forward_auth\" and without an Authorization header"
    )]
    NotFor,
    #[error("the server cannot be signed in to: {0}")]
    Issuer(String),
    #[error(
        "its issuer registers no clients by itself; register one there and name it: \"oauth\": {{\"client_id\": …}} in MCP_CONFIG"
    )]
    NoRegistration,
    #[error("its issuer does not take what is required here (a code with PKCE, S256)")]
    Unsupported,
    #[error("the issuer refused ({0})")]
    Refused(String),
    #[error("the browser came back from another issuer, so its code was not used; try again")]
    OtherIssuer,
    #[error("the issuer gave no token for the code; try again")]
    NoToken,
    #[error("a token cannot be stored now: {0}")]
    NotStored(#[from] TokensUnavailable),
}

impl Authorization {
    /// Finds the server's issuer, and registers there unless the operator named a client.
    pub(super) async fn request(
        server: &ServerSettings,
        settings: &Settings,
        asked: Asked<'_>,
    ) -> Result<Self, LoginError> {
        let Asked { redirect_uri, scopes, before } = asked;
        let url = url_of(server).ok_or(LoginError::NotFor)?;
        let without_token = Settings { vault: None, ..settings.clone() };
        let alone = Server::new(server.clone(), &without_token);
        let challenge = Box::pin(challenge(&alone)).await;
        let exchange = Exchange { server: url, outbound: settings.outbound.clone() };
        let mut issuer = Box::pin(Issuer::find(exchange, challenge.as_deref())).await?;
        let scopes = wanted(&issuer, &server.oauth, before, scopes).await;
        let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
        let secret = issuer.choose_client(&server.oauth, redirect_uri, &scopes).await?;
        let states = InMemoryStateStore::new();
        issuer.manager.set_state_store(states.clone());
        let link = issuer.manager.get_authorization_url(&scopes).await;
        let link = link.ok().and_then(|link| Url::parse(&link).ok());
        let link = link.ok_or(LoginError::Unsupported)?;
        let redirect_uri = redirect_uri.to_owned();
        let client = GrantedClient { secret, redirect_uri, challenge, sign_in: None };
        Ok(Self { issuer, states, client, link })
    }
}

/// Exchanges the code of an answer for tokens. The issuer knows the state that it is checked against.
pub(super) async fn exchange(
    issuer: &mut Issuer,
    client: GrantedClient,
    query: &str,
) -> Result<Grant, LoginError> {
    let answer = came_back(query).ok_or(LoginError::NoToken)?;
    if let Some(refusal) = parameter(&answer, "error") {
        return Err(LoginError::Refused(shown(&refusal)));
    }
    let [code, state] = ["code", "state"].map(|name| parameter(&answer, name));
    let (code, state) = code.zip(state).ok_or(LoginError::NoToken)?;
    let iss = parameter(&answer, "iss");
    let store = InMemoryCredentialStore::new();
    issuer.manager.set_credential_store(store.clone());
    let exchanged =
        issuer.manager.exchange_code_for_token_with_issuer(&code, &state, iss.as_deref());
    Box::pin(exchanged).await.map_err(|error| not_exchanged(&error))?;
    granted(&store, client).await.ok_or(LoginError::NoToken)
}

/// A parameter of the query with which a browser came back.
pub(super) fn answer_of(query: &str, name: &str) -> Option<String> {
    parameter(&came_back(query)?, name)
}

pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

impl Issuer {
    /// The operator's client, ours by its document, or one that is registered now. Returns its
    /// secret.
    async fn choose_client(
        &mut self,
        named: &OAuthClient,
        redirect_uri: &str,
        scopes: &[&str],
    ) -> Result<Option<String>, LoginError> {
        let takes_documents = self.says("client_id_metadata_document_supported");
        let named_id = named.client_id.as_deref();
        let usable = named_id.filter(|id| takes_documents || !is_document(id));
        let Some(id) = usable else {
            let registered = self.manager.register_client(CLIENT_NAME, redirect_uri, scopes).await;
            return Ok(registered.map_err(|error| not_registered(&error))?.client_secret);
        };
        let secret = named.client_secret.as_ref().map(|secret| secret.expose().to_owned());
        let config = client(id, secret.as_deref(), redirect_uri);
        self.manager.configure_client(config).map_err(|_| LoginError::Unsupported)?;
        Ok(secret)
    }
}

/// The operator's scopes, or those that the server asks for; and what was granted before, if
/// something is added to that.
async fn wanted(
    issuer: &Issuer,
    named: &OAuthClient,
    before: Option<&Grant>,
    added: &[String],
) -> Vec<String> {
    let mut scopes = named.scopes.clone();
    if scopes.is_empty() {
        scopes = issuer.manager.select_initial_scopes(&[]).await;
    }
    if !added.is_empty() {
        let before = before.filter(|it| it.credentials.issuer == issuer.metadata.issuer);
        scopes.extend(before.into_iter().flat_map(|it| it.credentials.granted_scopes.clone()));
        scopes.extend(added.iter().cloned());
    }
    // Without it many issuers give no refresh token.
    let offered = issuer.metadata.scopes_supported.iter().flatten();
    if !scopes.is_empty() && offered.into_iter().any(|scope| scope == OFFLINE) {
        scopes.push(OFFLINE.to_owned());
    }
    let mut seen = HashSet::new();
    // An issuer that grants no scope may say so with an empty one.
    scopes.retain(|scope| !scope.is_empty() && seen.insert(scope.clone()));
    scopes
}

/// A client id that is the address of a document about the client.
fn is_document(id: &str) -> bool {
    Url::parse(id).is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
}

pub(super) fn url_of(server: &ServerSettings) -> Option<Url> {
    let Transport::Http { url, .. } = &server.transport else { return None };
    Url::parse(url).ok()
}

/// As the address of an answer: only its query counts.
fn came_back(query: &str) -> Option<Url> {
    let mut url = Url::parse("http://localhost/").ok()?;
    url.set_query(Some(query));
    Some(url)
}

/// A code such as `access_denied`; anything else is not shown.
fn shown(code: &str) -> String {
    let fine = code.len() <= 40 && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if fine { code.to_owned() } else { "for a reason that cannot be shown".to_owned() }
}

fn not_registered(error: &AuthError) -> LoginError {
    match error {
        AuthError::PkceUnsupported | AuthError::InvalidScope(_) => LoginError::Unsupported,
        AuthError::RegistrationFailed(_) | _ => LoginError::NoRegistration,
    }
}

fn not_exchanged(error: &AuthError) -> LoginError {
    match error {
        AuthError::AuthorizationServerMismatch { .. }
        | AuthError::AuthorizationServerMissingIssuer { .. }
        | AuthError::AuthorizationFailed(_) => LoginError::OtherIssuer,
        AuthError::TokenExchangeFailed(_) | _ => LoginError::NoToken,
    }
}

impl From<IssuerFault> for LoginError {
    fn from(fault: IssuerFault) -> Self {
        Self::Issuer(fault.to_string())
    }
}
