//! A caller signs in at a server through our pages, from the link in the chat to a grant in the vault,
//! with any replica at each step (ADR 46).

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::transport::auth::{InMemoryStateStore, StateStore, StoredAuthorizationState};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::super::Settings;
use super::super::call::server::Server;
use super::super::tools::boards::Boards;
use super::authorization::{
    Asked, Authorization, LoginError, answer_of, exchange, parameter, url_of,
};
use super::caller_link::{BrowserMark, Carried, SignInLink};
use super::caller_tokens::CallerTokens;
use super::exchange::Exchange;
use super::grant::{Grant, GrantedClient};
use super::issuer::{Issuer, client, revoke};
use super::seal::random_name;
use super::vault::{KeptGrant, TokenVault};
use base::domain::{Owner, Secret, SignInFault, SignInPage, SignIns, SignedIn, TokenPlace};

pub(crate) struct CallerSignIns {
    boards: Arc<Boards>,
    common: Settings,
}

/// What the end of a sign-in needs; kept sealed, as JSON.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    browser: BrowserMark,
    replaces: Option<String>,
    client_id: String,
    client: GrantedClient,
    issuer: Option<String>,
    state: StoredAuthorizationState,
}

/// A server at which callers sign in, with what is kept of it.
struct SignInPlace {
    server: Arc<Server>,
    common: Settings,
    vault: TokenVault,
}

impl CallerSignIns {
    pub(crate) fn new(boards: Arc<Boards>, common: Settings) -> Self {
        Self { boards, common }
    }

    fn vault(&self) -> Result<&TokenVault, SignInFault> {
        self.common.vault.as_ref().ok_or(SignInFault::Unknown)
    }

    /// The server, if callers sign in there, by what `is_it` says of it.
    fn place(&self, is_it: impl Fn(&Server, &CallerTokens) -> bool) -> Option<SignInPlace> {
        let board = self.boards.present();
        let mut servers = board.servers.iter().map(|running| &running.server);
        let server =
            servers.find(|it| it.caller_tokens.as_ref().is_some_and(|tokens| is_it(it, tokens)))?;
        let (server, common) = (Arc::clone(server), self.common.clone());
        Some(SignInPlace { server, vault: common.vault.clone()?, common })
    }

    fn place_at(&self, key: &str) -> Result<SignInPlace, SignInFault> {
        self.place(|_, tokens| **tokens.key() == *key).ok_or(SignInFault::Unknown)
    }

    fn opened(&self, link: &str) -> Result<(SignInLink, SignInPlace), SignInFault> {
        let link = SignInLink::open(self.vault()?, link)?;
        let place = self.place_at(&link.server)?;
        Ok((link, place))
    }

    /// The browser that was shown our page; what it does not know it was not shown.
    fn marked(&self, browser: &Secret) -> Result<BrowserMark, SignInFault> {
        let opened = BrowserMark::open(self.vault()?, browser.expose());
        opened.map_err(|_| SignInFault::OtherBrowser)
    }
}

impl SignIns for CallerSignIns {
    fn is_secure(&self) -> bool {
        self.common.public_url.starts_with("https://")
    }

    fn page(&self, link: &str) -> Result<SignInPage, SignInFault> {
        let (link, place) = self.opened(link)?;
        let browser = link.mark().and_then(|mark| mark.seal(&place.vault));
        let browser = Secret::new(browser.ok_or(SignInFault::Unavailable)?);
        let settings = &place.server.settings;
        let mut scopes = settings.oauth.scopes.clone();
        scopes.extend(link.scopes.iter().filter(|it| !settings.oauth.scopes.contains(it)).cloned());
        let (server, host) = (settings.name.clone(), place.tokens()?.host());
        Ok(SignInPage { server, host, owner: link.owner(), scopes, browser })
    }

    fn begin<'a>(
        &'a self,
        link: &'a str,
        browser: &'a Secret,
    ) -> BoxFuture<'a, Result<String, SignInFault>> {
        async {
            let (link, place) = self.opened(link)?;
            let browser = self.marked(browser)?;
            if !link.was_shown_in(&browser) {
                return Err(SignInFault::OtherBrowser);
            }
            let _room = place.room()?;
            place.begin(link, browser).await
        }
        .boxed()
    }

    fn finish<'a>(
        &'a self,
        browser: &'a Secret,
        query: &'a str,
    ) -> BoxFuture<'a, Result<SignedIn, SignInFault>> {
        async {
            let browser = self.marked(browser)?;
            let place = self.place_at(&browser.server)?;
            let room = place.room()?;
            let query = query.to_owned();
            // It goes on if the browser leaves: a code counts once.
            let work = async move {
                let _room = room;
                place.finish(browser, &query).await
            };
            let ended = tokio::spawn(work.in_current_span()).await;
            ended.unwrap_or(Err(SignInFault::Unavailable))
        }
        .boxed()
    }

    fn sign_out<'a>(
        &'a self,
        owner: &'a Owner,
        server: &'a str,
    ) -> BoxFuture<'a, Result<(), SignInFault>> {
        async move {
            let place = self.place(|it, _| **it.name() == *server).ok_or(SignInFault::Unknown)?;
            let kept = place.tokens()?.place_of(owner);
            let before = place.vault.find(&kept).await?.and_then(|kept| kept.grant);
            place.vault.sign_out(&kept).await?;
            place.server.caller_sessions.forget_all_of(owner);
            let was_there = before.is_some();
            tracing::info!(mcp.server = server, was_there, "A caller signed out at a tool server");
            if let Some(grant) = before {
                place.revoke_later(grant);
            }
            Ok(())
        }
        .boxed()
    }
}

impl SignInPlace {
    fn tokens(&self) -> Result<&CallerTokens, SignInFault> {
        self.server.caller_tokens.as_ref().ok_or(SignInFault::Unknown)
    }

    fn room(&self) -> Result<OwnedSemaphorePermit, SignInFault> {
        self.tokens()?.room().ok_or(SignInFault::Unavailable)
    }

    fn redirect_uri(&self) -> String {
        format!("{}/sign-in/callback", self.common.public_url)
    }

    /// What there is now. A link and a sign-in are used up when that is not what it was.
    async fn before(
        &self,
        place: &TokenPlace,
        replaces: Option<&str>,
    ) -> Result<Option<Arc<Grant>>, SignInFault> {
        let before = self.vault.find(place).await?;
        let is_same = before.as_ref().and_then(KeptGrant::mark) == replaces;
        if is_same { Ok(before.and_then(|kept| kept.grant)) } else { Err(SignInFault::Used) }
    }

    async fn begin(self, link: SignInLink, browser: BrowserMark) -> Result<String, SignInFault> {
        let place = self.tokens()?.place_of(&link.owner());
        let before = self.before(&place, link.replaces.as_deref()).await?;
        let redirect_uri = self.redirect_uri();
        let asked =
            Asked { redirect_uri: &redirect_uri, scopes: &link.scopes, before: before.as_deref() };
        let begun = Authorization::request(&self.server.settings, &self.common, asked).await?;
        let (url, replaces) = (begun.link.to_string(), link.replaces);
        let pending = PendingSignIn::of(begun, browser, replaces).await;
        let pending = pending.and_then(|it| serde_json::to_string(&it).ok());
        let pending = pending.ok_or(LoginError::Unsupported)?;
        self.vault.keep_pending(&place, &pending).await?;
        Ok(url)
    }

    async fn finish(self, browser: BrowserMark, query: &str) -> Result<SignedIn, SignInFault> {
        let owner = browser.owner();
        let place = self.tokens()?.place_of(&owner);
        let fits = |text: &str| {
            let pending: PendingSignIn = serde_json::from_str(text).ok()?;
            pending.is_answered_by(&browser, query).then_some(pending)
        };
        let pending = self.vault.take_pending(&place, fits).await?;
        let pending = pending.ok_or(SignInFault::OtherBrowser)?;
        let replaces = pending.replaces.clone();
        let grant = self.granted(pending, query).await?;
        self.before(&place, replaces.as_deref()).await?;
        self.vault.keep(&place, &Arc::new(grant), None).await?;
        let server = self.server.name();
        tracing::info!(mcp.server = %server, "A caller signed in at a tool server");
        Ok(SignedIn { host: self.tokens()?.host(), owner })
    }

    /// Nobody waits for an issuer that may not answer: here it is over.
    fn revoke_later(self, grant: Arc<Grant>) {
        let Ok(room) = self.room() else {
            let server = self.server.name();
            tracing::warn!(mcp.server = %server, "No room to tell the issuer of a sign-out; its tokens count until they end");
            return;
        };
        let work = async move {
            let _room = room;
            self.revoke(&grant).await;
        };
        drop(tokio::spawn(work.in_current_span()));
    }

    async fn revoke(&self, grant: &Grant) {
        let Some(server) = url_of(&self.server.settings) else { return };
        let exchange = Exchange { server, outbound: self.common.outbound.clone() };
        let is_told = Box::pin(revoke(exchange, grant)).await;
        let server = self.server.name();
        tracing::info!(mcp.server = %server, is_told, "The issuer of a sign-in was told of its end");
    }

    /// The issuer is found anew: a code goes to nobody else.
    async fn granted(&self, pending: PendingSignIn, query: &str) -> Result<Grant, LoginError> {
        let PendingSignIn { client_id, client: granted, issuer, state, .. } = pending;
        let server = url_of(&self.server.settings).ok_or(LoginError::NotFor)?;
        let exchange_at = Exchange { server, outbound: self.common.outbound.clone() };
        let mut found = Box::pin(Issuer::find(exchange_at, granted.challenge.as_deref())).await?;
        if found.metadata.issuer != issuer {
            return Err(LoginError::OtherIssuer);
        }
        let config = client(&client_id, granted.secret.as_deref(), &granted.redirect_uri);
        found.manager.configure_client(config).map_err(|_| LoginError::Unsupported)?;
        let states = InMemoryStateStore::new();
        let token = state.csrf_token.clone();
        states.save(&token, state).await.map_err(|_| LoginError::NoToken)?;
        found.manager.set_state_store(states);
        let sign_in = random_name().ok_or(LoginError::NoToken)?;
        let granted = GrantedClient { sign_in: Some(sign_in), ..granted };
        exchange(&mut found, granted, query).await
    }
}

impl PendingSignIn {
    async fn of(
        begun: Authorization,
        browser: BrowserMark,
        replaces: Option<String>,
    ) -> Option<Self> {
        let Authorization { issuer, states, client, link } = begun;
        let client_id = parameter(&link, "client_id")?;
        let state = states.load(&parameter(&link, "state")?).await.ok()??;
        let issuer = issuer.metadata.issuer;
        Some(Self { browser, replaces, client_id, client, issuer, state })
    }

    fn is_answered_by(&self, browser: &BrowserMark, query: &str) -> bool {
        let state = answer_of(query, "state");
        self.browser == *browser && state.as_ref() == Some(&self.state.csrf_token)
    }
}

impl From<LoginError> for SignInFault {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::NotStored(_) => Self::Unavailable,
            LoginError::NotFor | LoginError::NoRegistration | LoginError::Unsupported => {
                Self::Failed(format!("whoever runs this server must change something: {error}"))
            }
            LoginError::Issuer(_)
            | LoginError::Refused(_)
            | LoginError::OtherIssuer
            | LoginError::NoToken => Self::Failed(error.to_string()),
        }
    }
}
