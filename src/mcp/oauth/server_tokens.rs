//! The tokens of one holder for one server: which one is sent, when it is renewed, and what the holder
//! must do if there is none (ADR 42, ADR 46).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outbound::Outbound;
use reqwest::Url;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::super::ServerSettings;
use super::authorization::url_of;
use super::exchange::Exchange;
use super::grant::Grant;
use super::issuer::{RenewalFault, renew};
use super::vault::{KeptGrant, TokenVault, place_of};
use base::domain::{Secret, TokenPlace, TokensUnavailable};

/// How long an issuer is left alone after a renewal that failed.
const PAUSE: Duration = Duration::from_secs(30);
/// How long another process may take to renew it.
const WAIT: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(250);
/// Longest list of scopes that is shown.
const MAX_SCOPE: usize = 200;

pub(crate) struct ServerTokens {
    name: String,
    url: Url,
    place: TokenPlace,
    holder: Holder,
    vault: TokenVault,
    outbound: Outbound,
    known: Mutex<Known>,
    /// One renewal at a time; the database sees to other processes.
    renewing: Semaphore,
}

/// What was found, so that the database is not asked for each request.
#[derive(Default)]
struct Known {
    is_looked_up: bool,
    kept: Option<KeptGrant>,
    need: Option<Need>,
    renewals: Renewals,
}

#[derive(Default)]
enum Renewals {
    #[default]
    Possible,
    PausedUntil(Instant),
    /// The issuer said that the grant is over.
    Over,
}

/// Whose tokens they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Without a token a server may still list its tools.
    Operator,
    /// Without a token nothing is sent.
    Caller,
}

/// Whether a caller is signed in.
pub(super) enum SignInState {
    /// Which sign-in it is.
    In(String),
    /// Nothing is there that can be read, but the last sign-out.
    Out { by: Option<String> },
}

/// What the holder must do.
enum Need {
    Login,
    /// The server wants scopes that were not granted; in its own words, so they may be empty.
    Scopes(String),
}

/// What the server said to a request.
pub(crate) enum Challenge {
    /// 401.
    Unauthorized,
    /// 403, with the scopes that it names.
    MissingScopes(Option<String>),
}

/// Why there is no token now although there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoToken {
    #[error("the database does not answer")]
    Store,
    #[error("the issuer does not answer")]
    Issuer,
    #[error("the caller signed out")]
    SignedOut,
}

impl ServerTokens {
    pub(super) fn new(
        (name, url): (&str, &Url),
        (place, holder): (TokenPlace, Holder),
        vault: &TokenVault,
        outbound: &Outbound,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            url: url.clone(),
            place,
            holder,
            vault: vault.clone(),
            outbound: outbound.clone(),
            known: Mutex::default(),
            renewing: Semaphore::new(1),
        })
    }

    /// `None` if the server gets no token of the operator's.
    pub(crate) fn of_operator(
        server: &ServerSettings,
        vault: &TokenVault,
        outbound: &Outbound,
    ) -> Option<Arc<Self>> {
        let (place, url) = place_of(server).zip(url_of(server))?;
        Some(Self::new((&server.name, &url), (place, Holder::Operator), vault, outbound))
    }

    /// The sign-in that there is now, wherever it was made.
    pub(super) async fn sign_in(&self) -> Result<SignInState, NoToken> {
        let kept = self.look_up().await?;
        let grant = kept.as_ref().and_then(|kept| kept.grant.as_ref());
        Ok(match grant {
            Some(grant) => SignInState::In(grant.sign_in().unwrap_or_default().to_owned()),
            None => SignInState::Out { by: kept.and_then(|kept| kept.sign_out) },
        })
    }

    /// The scopes that the server wanted besides, if it can be told which.
    pub(super) fn missing_scopes(&self) -> Vec<String> {
        let known = self.lock();
        let Some(Need::Scopes(scopes)) = &known.need else { return Vec::new() };
        let scopes = Some(scopes).filter(|scopes| is_showable(scopes));
        scopes.into_iter().flat_map(|it| it.split(' ')).map(str::to_owned).collect()
    }

    /// The token to send; `None` if nobody signed in.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Option<Secret>, NoToken> {
        let (is_settled, known) = self.known();
        let kept = if is_settled { known } else { self.look_up().await? };
        let Some((kept, grant)) = readable(kept) else { return self.none() };
        if !grant.is_due() || !self.may_renew() {
            return Ok(Some(grant.access_token()));
        }
        match self.renewed(kept).await {
            Ok(Some(newer)) => Ok(readable(Some(newer)).map(|(_, grant)| grant.access_token())),
            Err(trouble) if grant.is_over() => Err(trouble),
            Ok(None) | Err(_) => Ok(Some(grant.access_token())),
        }
    }

    /// Another token than the one that was sent, if there is one after what the server said.
    pub(crate) async fn token_after(
        self: &Arc<Self>,
        challenge: &Challenge,
        sent: Option<&Secret>,
    ) -> Result<Option<Secret>, NoToken> {
        // The operator, or another process, may have a newer one.
        let kept = self.look_up().await?;
        let Some((kept, grant)) = readable(kept) else { return Ok(None) };
        if Some(&grant.access_token()) != sent {
            return Ok(Some(grant.access_token()));
        }
        // Renewing it would give no further scopes.
        let helps = matches!(challenge, Challenge::Unauthorized);
        if !helps || !grant.is_renewable() || !self.may_renew() {
            return Ok(None);
        }
        let newer = self.renewed(kept).await?;
        Ok(readable(newer).map(|(_, grant)| grant.access_token()))
    }

    /// Notes what the operator must do, after a request that no token helped.
    pub(crate) fn refused(&self, challenge: Challenge) {
        self.lock().need = Some(match challenge {
            Challenge::Unauthorized => Need::Login,
            Challenge::MissingScopes(scopes) => Need::Scopes(scopes.unwrap_or_default()),
        });
    }

    /// The server took a request, so it needs no login. It may still want scopes for another.
    pub(crate) fn accepted(&self) {
        self.lock().need.take_if(|need| matches!(need, Need::Login));
    }

    /// What the operator must do, for `/health`.
    pub(crate) fn advice(&self) -> Option<String> {
        let Self { name, .. } = self;
        let known = self.lock();
        let login = format!("`orchestrator tools login {name}`");
        Some(match known.need.as_ref()? {
            Need::Login if known.kept.as_ref().is_some_and(|kept| kept.grant.is_none()) => {
                format!("its sign-in was kept with another TOKEN_KEY; set that one, or run {login}")
            }
            Need::Login if known.kept.is_some() => {
                format!("its sign-in has ended or was revoked; run {login}")
            }
            Need::Login => format!("it requires a sign-in; run {login}"),
            Need::Scopes(scopes) if is_showable(scopes) => format!(
                "its sign-in does not allow all that it offers; run `orchestrator tools login {name} --scope \"{scopes}\"`"
            ),
            Need::Scopes(_) => format!(
                "its sign-in does not allow all that it offers; run {login} with the --scope that it needs"
            ),
        })
    }

    /// A caller's call is not made as nobody's.
    fn none(&self) -> Result<Option<Secret>, NoToken> {
        match self.holder {
            Holder::Operator => Ok(None),
            Holder::Caller => Err(NoToken::SignedOut),
        }
    }

    async fn look_up(&self) -> Result<Option<KeptGrant>, NoToken> {
        let kept = self.vault.find(&self.place).await?;
        Ok(self.know(kept))
    }

    /// Notes what there is now.
    fn know(&self, kept: Option<KeptGrant>) -> Option<KeptGrant> {
        let mut known = self.lock();
        let sealed = |kept: &Option<KeptGrant>| kept.as_ref().map(|it| it.sealed.clone());
        if !known.is_looked_up || sealed(&known.kept) != sealed(&kept) {
            *known = Known { is_looked_up: true, kept, ..Known::default() };
        }
        known.kept.clone()
    }

    /// What was found, and whether that still holds: an operator who was told to sign in may have.
    fn known(&self) -> (bool, Option<KeptGrant>) {
        let known = self.lock();
        (known.is_looked_up && known.need.is_none(), known.kept.clone())
    }

    fn may_renew(&self) -> bool {
        match self.lock().renewals {
            Renewals::Possible => true,
            Renewals::PausedUntil(until) => until <= Instant::now(),
            Renewals::Over => false,
        }
    }

    /// What came in the place of this grant; `None` if it is over. It goes on if nobody waits any
    /// more: the request uses the refresh token up, whether or not its answer is read.
    async fn renewed(self: &Arc<Self>, old: KeptGrant) -> Result<Option<KeptGrant>, NoToken> {
        let this = Arc::clone(self);
        let renewal = tokio::spawn(async move { this.renew_in_turn(&old).await });
        renewal.await.unwrap_or(Err(NoToken::Issuer))
    }

    async fn renew_in_turn(&self, old: &KeptGrant) -> Result<Option<KeptGrant>, NoToken> {
        let _turn = self.renewing.acquire().await.map_err(|_| NoToken::Issuer)?;
        let until = Instant::now() + WAIT;
        loop {
            let claim = self.vault.claim(&self.place).await?;
            let now = self.look_up().await?;
            let is_same = now.as_ref().is_some_and(|now| now.sealed == old.sealed);
            let Some(claim) = claim else {
                if !is_same {
                    return Ok(now);
                }
                if Instant::now() >= until {
                    return Err(NoToken::Issuer);
                }
                sleep(LOOK).await;
                continue;
            };
            let renewed = if is_same && self.may_renew() { self.renew(old).await } else { Ok(now) };
            self.vault.release(&self.place, claim).await;
            return renewed;
        }
    }

    async fn renew(&self, old: &KeptGrant) -> Result<Option<KeptGrant>, NoToken> {
        let Some(grant) = &old.grant else { return Ok(None) };
        let exchange = Exchange { server: self.url.clone(), outbound: self.outbound.clone() };
        let span = tracing::info_span!("renew token", mcp.server = self.name);
        match renew(exchange, grant).instrument(span).await {
            Ok(newer) => {
                tracing::info!(mcp.server = self.name, "Token of a tool server renewed");
                Ok(self.kept(newer, old).await)
            }
            Err(fault) => self.not_renewed(fault),
        }
    }

    fn not_renewed(&self, fault: RenewalFault) -> Result<Option<KeptGrant>, NoToken> {
        tracing::warn!(mcp.server = self.name, fault = %fault, "A token was not renewed");
        let (renewals, result) = match fault {
            RenewalFault::Over => (Renewals::Over, Ok(None)),
            RenewalFault::Failed => {
                (Renewals::PausedUntil(Instant::now() + PAUSE), Err(NoToken::Issuer))
            }
        };
        self.lock().renewals = renewals;
        result
    }

    async fn kept(&self, newer: Grant, old: &KeptGrant) -> Option<KeptGrant> {
        let newer = Arc::new(newer);
        match self.vault.keep(&self.place, &newer, Some(old)).await {
            Ok(Some(kept)) => self.know(Some(kept)),
            // The operator signed in meanwhile.
            Ok(None) => self.look_up().await.ok().flatten(),
            Err(TokensUnavailable) => {
                tracing::warn!(
                    mcp.server = self.name,
                    "A renewed token could not be stored; it is lost at a restart"
                );
                let kept = KeptGrant { grant: Some(newer), ..old.clone() };
                self.lock().kept = Some(kept.clone());
                Some(kept)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TokensUnavailable> for NoToken {
    fn from(_: TokensUnavailable) -> Self {
        Self::Store
    }
}

impl fmt::Debug for ServerTokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ServerTokens")
    }
}

fn readable(kept: Option<KeptGrant>) -> Option<(KeptGrant, Arc<Grant>)> {
    let kept = kept?;
    let grant = Arc::clone(kept.grant.as_ref()?);
    Some((kept, grant))
}

/// Operators paste it into a shell, and it is the server's text.
fn is_showable(scopes: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || " :._/-".contains(c);
    (1..=MAX_SCOPE).contains(&scopes.len()) && scopes.chars().all(fine)
}
