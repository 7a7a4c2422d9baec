//! Sealed tokens in memory (ADR 42).

use std::collections::HashMap;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::MemoryStore;
use base::domain::{RENEWAL, SealedResult, SealedTokens, TokenPlace};

#[derive(Debug, Default)]
pub(super) struct TokenBook(HashMap<TokenPlace, KeptToken>);

#[derive(Debug)]
struct KeptToken {
    sealed: String,
    renewal: Option<(String, Instant)>,
}

impl TokenBook {
    fn keep(&mut self, place: &TokenPlace, sealed: &str, replaces: Option<&str>) -> bool {
        let there = self.0.get(place).map(|kept| kept.sealed.as_str());
        if replaces.is_some() && there != replaces && there != Some(sealed) {
            return false;
        }
        let kept = KeptToken { sealed: sealed.to_owned(), renewal: None };
        self.0.insert(place.clone(), kept);
        true
    }

    fn claim(&mut self, place: &TokenPlace, holder: &str) -> bool {
        let Some(kept) = self.0.get_mut(place) else { return false };
        let is_free = kept
            .renewal
            .as_ref()
            .is_none_or(|(by, since)| by == holder || since.elapsed() >= RENEWAL);
        if is_free {
            kept.renewal = Some((holder.to_owned(), Instant::now()));
        }
        is_free
    }

    fn remove(&mut self, place: &TokenPlace, sealed: Option<&str>) -> bool {
        let there = self.0.get(place).map(|kept| kept.sealed.as_str());
        let fits = there.is_some_and(|there| sealed.is_none_or(|sealed| sealed == there));
        fits && self.0.remove(place).is_some()
    }

    fn release(&mut self, place: &TokenPlace, holder: &str) {
        if let Some(kept) = self.0.get_mut(place) {
            kept.renewal.take_if(|(by, _)| by == holder);
        }
    }
}

impl SealedTokens for MemoryStore {
    fn find<'a>(&'a self, place: &'a TokenPlace) -> BoxFuture<'a, SealedResult<Option<String>>> {
        ready(Ok(self.lock().tokens.0.get(place).map(|kept| kept.sealed.clone()))).boxed()
    }

    fn keep<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: &'a str,
        replaces: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        ready(Ok(self.lock().tokens.keep(place, sealed, replaces))).boxed()
    }

    fn claim<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        ready(Ok(self.lock().tokens.claim(place, holder))).boxed()
    }

    fn remove<'a>(
        &'a self,
        place: &'a TokenPlace,
        sealed: Option<&'a str>,
    ) -> BoxFuture<'a, SealedResult<bool>> {
        ready(Ok(self.lock().tokens.remove(place, sealed))).boxed()
    }

    fn release<'a>(
        &'a self,
        place: &'a TokenPlace,
        holder: &'a str,
    ) -> BoxFuture<'a, SealedResult<()>> {
        self.lock().tokens.release(place, holder);
        ready(Ok(())).boxed()
    }
}
