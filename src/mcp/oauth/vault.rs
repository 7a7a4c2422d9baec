//! Grants as they are kept: sealed, each in the place of its server.

use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::{ServerSettings, Transport};
use super::grant::Grant;
use super::seal::{SealingKey, random_name, to_hex};
use base::domain::{SealedTokens, TokenPlace, TokensUnavailable};

/// The holder of what the operator signed in for. Owners of callers contain a slash or are `anyone`.
const OPERATOR: &str = "operator";

/// Where grants are kept, and the key to them. Clones share the place.
#[derive(Clone)]
pub struct TokenVault {
    store: Arc<dyn SealedTokens>,
    key: SealingKey,
}

/// What is in a place, as it was found.
#[derive(Clone, Debug)]
pub(super) struct KeptGrant {
    /// As it is stored, to notice a later one.
    pub(super) sealed: String,
    /// `None` after a sign-out, and if it was sealed with another key.
    pub(super) grant: Option<Arc<Grant>>,
    /// Which sign-out it was that left nothing else.
    pub(super) sign_out: Option<String>,
}

/// What a sign-out leaves, sealed, as JSON: links that were made before it are known by it.
#[derive(Serialize, Deserialize)]
struct SignedOut {
    sign_out: String,
}

/// The right to renew what is in a place.
#[derive(Debug)]
pub(super) struct RenewalClaim(String);

impl TokenVault {
    pub fn new(store: Arc<dyn SealedTokens>, key: SealingKey) -> Self {
        Self { store, key }
    }

    pub(super) async fn find(
        &self,
        place: &TokenPlace,
    ) -> Result<Option<KeptGrant>, TokensUnavailable> {
        let sealed = self.store.find(place).await?;
        Ok(sealed.map(|sealed| {
            let grant = self.read(place, &sealed).map(Arc::new);
            let sign_out = self.read(place, &sealed).map(|it: SignedOut| it.sign_out);
            KeptGrant { sealed, grant, sign_out }
        }))
    }

    /// Stores a grant, in place of this one alone if it is given. `None` if that is gone.
    pub(super) async fn keep(
        &self,
        place: &TokenPlace,
        grant: &Arc<Grant>,
        replaces: Option<&KeptGrant>,
    ) -> Result<Option<KeptGrant>, TokensUnavailable> {
        let text = serde_json::to_string(&**grant).map_err(|_| TokensUnavailable)?;
        let sealed = self.key.seal(&name_of(place), &text).ok_or(TokensUnavailable)?;
        let replaces = replaces.map(|kept| kept.sealed.as_str());
        let is_kept = self.store.keep(place, &sealed, replaces).await?;
        let (grant, sign_out) = (Some(Arc::clone(grant)), None);
        Ok(is_kept.then_some(KeptGrant { sealed, grant, sign_out }))
    }

    /// `None` while another process renews it.
    pub(super) async fn claim(
        &self,
        place: &TokenPlace,
    ) -> Result<Option<RenewalClaim>, TokensUnavailable> {
        let name = random_name().ok_or(TokensUnavailable)?;
        Ok(self.store.claim(place, &name).await?.then_some(RenewalClaim(name)))
    }

    pub(super) async fn release(&self, place: &TokenPlace, claim: RenewalClaim) {
        if self.store.release(place, &claim.0).await.is_err() {
            tracing::debug!("A claim on a token was not released; it ends by itself");
        }
    }

    /// Takes out a grant and what waits for the end of a sign-in. What is left is of no use but to tell
    /// what was made before from what is made later.
    pub(super) async fn sign_out(&self, place: &TokenPlace) -> Result<(), TokensUnavailable> {
        let left = SignedOut { sign_out: random_name().ok_or(TokensUnavailable)? };
        let text = serde_json::to_string(&left).map_err(|_| TokensUnavailable)?;
        let sealed = self.key.seal(&name_of(place), &text).ok_or(TokensUnavailable)?;
        self.store.remove(&pending(place), None).await?;
        self.store.keep(place, &sealed, None).await.map(drop)
    }

    /// Keeps what the end of a caller's sign-in needs, in the place of an earlier one.
    pub(super) async fn keep_pending(
        &self,
        place: &TokenPlace,
        text: &str,
    ) -> Result<(), TokensUnavailable> {
        let place = pending(place);
        let sealed = self.key.seal(&name_of(&place), text).ok_or(TokensUnavailable)?;
        self.store.keep(&place, &sealed, None).await.map(drop)
    }

    /// Takes that out if it `fits`. Of many who do, one gets it.
    pub(super) async fn take_pending<T>(
        &self,
        place: &TokenPlace,
        fits: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, TokensUnavailable> {
        let place = pending(place);
        let Some(sealed) = self.store.find(&place).await? else { return Ok(None) };
        let opened = self.key.open(&name_of(&place), &sealed);
        let Some(found) = opened.and_then(|text| fits(&text)) else { return Ok(None) };
        Ok(self.store.remove(&place, Some(&sealed)).await?.then_some(found))
    }

    /// A text that anybody may carry, for one purpose. No purpose has the form of a place.
    pub(super) fn seal(&self, purpose: &str, text: &str) -> Option<String> {
        self.key.seal(purpose, text)
    }

    pub(super) fn open(&self, purpose: &str, sealed: &str) -> Option<String> {
        self.key.open(purpose, sealed)
    }

    fn read<T: DeserializeOwned>(&self, place: &TokenPlace, sealed: &str) -> Option<T> {
        serde_json::from_str(&self.key.open(&name_of(place), sealed)?).ok()
    }
}

impl KeptGrant {
    /// The sign-in that it is of, or the sign-out.
    pub(super) fn mark(&self) -> Option<&str> {
        let sign_in = self.grant.as_ref().and_then(|grant| grant.sign_in());
        sign_in.or(self.sign_out.as_deref())
    }
}

impl fmt::Debug for TokenVault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenVault")
    }
}

/// Where the operator's grant for a server is kept. `None` if it gets no token: a child, one with a
/// credential of its own, and one where others could read it on the way.
pub(super) fn place_of(server: &ServerSettings) -> Option<TokenPlace> {
    Some(TokenPlace { server: key_of(server)?, holder: OPERATOR.into() })
}

/// A server as it is known here. `None` as above.
pub(super) fn key_of(server: &ServerSettings) -> Option<Arc<str>> {
    let Transport::Http { url, .. } = &server.transport else { return None };
    let has_own = server.transport.has_credential();
    if has_own || server.forward_auth || !server.transport.keeps_tokens() {
        return None;
    }
    // Another address under the same name gets no token of this one. An address may contain a key.
    let url = to_hex(digest(&SHA256, url.as_bytes()).as_ref());
    Some(format!("{}@{url}", server.name).into())
}

/// Where a sign-in waits for its end: one for each holder, so that they do not pile up.
fn pending(place: &TokenPlace) -> TokenPlace {
    let TokenPlace { server, holder } = place;
    TokenPlace { server: format!("{server} pending").into(), holder: Arc::clone(holder) }
}

/// What a sealed text is bound to: one that is copied into another place cannot be read there.
fn name_of(place: &TokenPlace) -> String {
    format!("{}\n{}", place.server, place.holder)
}
