//! What a person carries between the chat, our page and the issuer: sealed, so that nobody guesses or
//! changes it, and every replica reads it (ADR 46).

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::grant::now;
use super::seal::random_name;
use super::vault::TokenVault;
use base::domain::{Owner, SignInFault, TokenPlace};

/// How long a link, and then a sign-in, may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// In bytes: longer than any of ours.
const MAX_SEALED: usize = 8 * 1024;

/// A link to sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignInLink {
    /// The server, as tokens for it are kept.
    pub(super) server: String,
    owner: String,
    /// In addition to those of before.
    pub(super) scopes: Vec<String>,
    /// The sign-in that there was, or the sign-out. The link is used up when there is another.
    pub(super) replaces: Option<String>,
    ends: u64,
}

/// A browser that was shown our page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BrowserMark {
    pub(super) server: String,
    owner: String,
    /// Random: two browsers with the same link are two.
    pub(super) name: String,
    ends: u64,
}

/// What is sealed for one purpose.
pub(super) trait Carried: Serialize + DeserializeOwned {
    const PURPOSE: &'static str;

    fn ends(&self) -> u64;

    fn seal(&self, vault: &TokenVault) -> Option<String> {
        vault.seal(Self::PURPOSE, &serde_json::to_string(self).ok()?)
    }

    fn open(vault: &TokenVault, sealed: &str) -> Result<Self, SignInFault> {
        let opened = Some(sealed).filter(|sealed| sealed.len() <= MAX_SEALED);
        let opened = opened.and_then(|sealed| vault.open(Self::PURPOSE, sealed));
        let opened = opened.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let opened = opened.ok_or(SignInFault::Unknown)?;
        if opened.ends() <= now() { Err(SignInFault::Expired) } else { Ok(opened) }
    }
}

impl Carried for SignInLink {
    const PURPOSE: &'static str = "sign-in link";

    fn ends(&self) -> u64 {
        self.ends
    }
}

impl Carried for BrowserMark {
    const PURPOSE: &'static str = "sign-in browser";

    fn ends(&self) -> u64 {
        self.ends
    }
}

impl SignInLink {
    pub(super) fn new(place: &TokenPlace, scopes: Vec<String>, replaces: Option<String>) -> Self {
        let (server, owner) = (place.server.to_string(), place.holder.to_string());
        Self { server, owner, scopes, replaces, ends: end() }
    }

    pub(super) fn owner(&self) -> Owner {
        Owner::named(&self.owner)
    }

    /// `None` if the machine gives no random numbers.
    pub(super) fn mark(&self) -> Option<BrowserMark> {
        let (server, owner) = (self.server.clone(), self.owner.clone());
        Some(BrowserMark { server, owner, name: random_name()?, ends: end() })
    }

    pub(super) fn was_shown_in(&self, browser: &BrowserMark) -> bool {
        (&self.server, &self.owner) == (&browser.server, &browser.owner)
    }
}

impl BrowserMark {
    pub(super) fn owner(&self) -> Owner {
        Owner::named(&self.owner)
    }
}

/// When what is made now ends.
pub(super) fn end() -> u64 {
    now().saturating_add(PATIENCE.as_secs())
}
