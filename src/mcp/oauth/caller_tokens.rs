//! The tokens of callers for one server, each for the calls of its own caller, and the links for those
//! who have none (ADR 46).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outbound::Outbound;
use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::call::fault::CallFault;
use super::super::{ServerSettings, Settings, SignInBy};
use super::authorization::url_of;
use super::caller_link::{Carried, SignInLink};
use super::server_tokens::{Holder, ServerTokens, SignInState};
use super::vault::{TokenVault, key_of};
use base::domain::{Caller, Owner, Scope, SignInOffer, TokenPlace};

/// How many callers are in memory. More than have a session and a call, so one is always idle.
const MOST: usize = 512;
/// How many sign-ins begin or end at the same time: each sends several requests.
const TOGETHER: usize = 8;

pub(crate) struct CallerTokens {
    name: String,
    url: Url,
    /// The server, as tokens for it are kept.
    key: Arc<str>,
    vault: TokenVault,
    outbound: Outbound,
    public_url: String,
    known: Mutex<HashMap<Owner, Arc<ServerTokens>>>,
    /// For sign-ins and sign-outs here: the issuer of another server may hang.
    places: Arc<Semaphore>,
}

/// A caller's sign-in.
#[derive(Clone, Debug)]
pub(crate) struct SignedInCaller {
    pub(crate) tokens: Arc<ServerTokens>,
    /// Which one: another may be with another account.
    pub(crate) sign_in: String,
}

impl CallerTokens {
    /// `None` if callers do not sign in at the server.
    pub(crate) fn new(server: &ServerSettings, common: &Settings) -> Option<Self> {
        if server.sign_in != SignInBy::Caller {
            return None;
        }
        Some(Self {
            name: server.name.clone(),
            url: url_of(server)?,
            key: key_of(server)?,
            vault: common.vault.clone()?,
            outbound: common.outbound.clone(),
            public_url: common.public_url.clone(),
            known: Mutex::default(),
            places: Arc::new(Semaphore::new(TOGETHER)),
        })
    }

    /// The caller's sign-in as it is now, on whichever replica it was made.
    pub(crate) async fn of(&self, caller: &Caller) -> Result<SignedInCaller, CallFault> {
        // Whoever came first would sign in for everybody. On a server that only its own machine
        // reaches, that is one person, who may do everything.
        if caller.owner.is_anyone() && !caller.may(Scope::Operate) {
            return Err(CallFault::Anonymous);
        }
        let tokens = self.tokens_of(&caller.owner).ok_or(CallFault::Crowded)?;
        match tokens.sign_in().await {
            Ok(SignInState::In(sign_in)) => Ok(SignedInCaller { tokens, sign_in }),
            Ok(SignInState::Out { by }) => Err(self.asked(&caller.owner, Vec::new(), by)),
            Err(_) => Err(CallFault::Unreachable),
        }
    }

    /// What a refusal of the server means for the caller: a sign-in, or another one.
    pub(crate) fn refused(&self, owner: &Owner, caller: &SignedInCaller) -> CallFault {
        let SignedInCaller { tokens, sign_in } = caller;
        self.asked(owner, tokens.missing_scopes(), Some(sign_in.clone()))
    }

    pub(super) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Room for a sign-in, until this is dropped.
    pub(super) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    pub(super) fn place_of(&self, owner: &Owner) -> TokenPlace {
        TokenPlace { server: Arc::clone(&self.key), holder: owner.as_str().into() }
    }

    /// The host at which people have their accounts, as far as is known before their issuer is asked.
    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn asked(&self, owner: &Owner, scopes: Vec<String>, replaces: Option<String>) -> CallFault {
        let link = SignInLink::new(&self.place_of(owner), scopes, replaces).seal(&self.vault);
        let Some(link) = link else { return CallFault::Unreachable };
        let url = format!("{}/sign-in/{link}", self.public_url);
        CallFault::SignIn(Box::new(SignInOffer {
            server: self.name.clone(),
            host: self.host(),
            url,
        }))
    }

    /// `None` if there is no room.
    fn tokens_of(&self, owner: &Owner) -> Option<Arc<ServerTokens>> {
        let mut known = self.lock();
        if let Some(tokens) = known.get(owner) {
            return Some(Arc::clone(tokens));
        }
        if known.len() >= MOST {
            let mut idle = known.iter().filter(|(_, tokens)| Arc::strong_count(tokens) == 1);
            let idle = idle.next().map(|(owner, _)| owner.clone())?;
            known.remove(&idle);
        }
        let place = (self.place_of(owner), Holder::Caller);
        let tokens = ServerTokens::new((&self.name, &self.url), place, &self.vault, &self.outbound);
        known.insert(owner.clone(), Arc::clone(&tokens));
        Some(tokens)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Arc<ServerTokens>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallerTokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CallerTokens({})", self.lock().len())
    }
}
