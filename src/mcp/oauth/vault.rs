//! Grants as they are kept: sealed, each in the place of its server.

use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

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

/// A grant as it was found.
#[derive(Clone, Debug)]
pub(super) struct KeptGrant {
    /// As it is stored, to notice a later one.
    pub(super) sealed: String,
    /// `None` if it was sealed with another key.
    pub(super) grant: Option<Arc<Grant>>,
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
        Ok(sealed
            .map(|sealed| KeptGrant { grant: self.read(place, &sealed).map(Arc::new), sealed }))
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
        Ok(is_kept.then(|| KeptGrant { sealed, grant: Some(Arc::clone(grant)) }))
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

    /// Takes out what is there.
    pub(super) async fn remove(&self, place: &TokenPlace) -> Result<bool, TokensUnavailable> {
        self.store.remove(place, None).await
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

    fn read(&self, place: &TokenPlace, sealed: &str) -> Option<Grant> {
        serde_json::from_str(&self.key.open(&name_of(place), sealed)?).ok()
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
