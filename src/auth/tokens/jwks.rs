//! Tokens that are signed by keys which an issuer publishes. The keys are fetched in the background
//! and kept; no request waits for a fetch unless it names a key that nobody knows yet (ADR 29).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::domain::{
    Authenticator, BreakerState, Dependency, Detail, HealthProbe, NotRecognised, Recognition,
};
use base::resilience::Guard;
use futures::FutureExt;
use futures::future::BoxFuture;
use jsonwebtoken::{AlgorithmFamily, Header};
use reqwest::Client;
use tokio::select;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use super::claims::{caller_of, header_of};
use super::fetch::{FetchFault, fetch};
use super::key_set::KeySet;
use super::ring_crypto;
use crate::settings::JwksSettings;

/// How often the keys are fetched: issuers announce a new key long before they use it.
const EVERY: Duration = Duration::from_mins(10);

/// How soon after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// The least time between two fetches that tokens ask for while the issuer fails.
const AT_LEAST: Duration = Duration::from_millis(500);

/// Keys are not asked for again before this time, whatever tokens come: anyone can write a token with
/// an unknown key.
const FRESH: Duration = Duration::from_secs(30);

/// Keys are not trusted for longer without a word of their issuer.
const TRUSTED: Duration = Duration::from_hours(24);

/// How long a token with an unknown key waits for a fetch.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Jwks {
    settings: JwksSettings,
    client: Client,
    guard: Guard,
    keys: watch::Sender<Option<Fetched>>,
    wanted: Notify,
    /// What the operator must change, according to the last fetch.
    advice: Mutex<Option<String>>,
}

#[derive(Clone, Debug)]
struct Fetched {
    keys: Arc<KeySet>,
    at: Instant,
}

impl Jwks {
    pub fn new(settings: JwksSettings) -> Result<Arc<Self>, reqwest::Error> {
        ring_crypto::install();
        let client = settings.outbound.client(&settings.url.0).build()?;
        let guard = Guard::new("auth", settings.guard);
        let (keys, wanted) = (watch::Sender::new(None), Notify::new());
        let advice = Mutex::default();
        Ok(Arc::new(Self { settings, client, guard, keys, wanted, advice }))
    }

    /// Keeps the keys fresh until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        let fetching = async {
            loop {
                let is_fresh = self.fetch().instrument(info_span!("jwks")).await;
                select! {
                    () = sleep(if is_fresh { EVERY } else { AFTER_FAILURE }) => {}
                    () = self.wanted.notified() => sleep(AT_LEAST).await,
                }
            }
        };
        let _stopped = stop.run_until_cancelled(fetching).await;
    }

    async fn fetch(&self) -> bool {
        let JwksSettings { url, timeout, .. } = &self.settings;
        let fetched = self.guard.call_within(*timeout, || fetch(&self.client, &url.0)).await;
        self.advise(fetched.as_ref().err());
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "The issuer's keys were fetched");
                let (keys, at) = (Arc::new(keys), Instant::now());
                self.keys.send_replace(Some(Fetched { keys, at }));
                true
            }
            Err(fault) => {
                let error = &fault as &dyn std::error::Error;
                let is_known = self.known().is_some();
                tracing::warn!(error, is_known, "AUTH_JWKS_URL gave no keys; known ones stay");
                false
            }
        }
    }

    /// A breaker that is open says nothing new.
    fn advise(&self, fault: Option<&FetchFault>) {
        if !matches!(fault, Some(FetchFault::Refused(_))) {
            let is_ours = |fault: &&FetchFault| matches!(fault, FetchFault::NotAllowed(_));
            let advice = fault.filter(is_ours).map(ToString::to_string);
            *self.advice.lock().unwrap_or_else(PoisonError::into_inner) = advice;
        }
    }

    async fn judge(&self, token: &str, header: &Header) -> Recognition {
        let mut found = self.look_up(token, header);
        let asked = Instant::now();
        let is_since = |known: &Option<Fetched>| known.as_ref().is_some_and(|it| it.at >= asked);
        if found.is_none() && !self.is_fresh() && self.may_fetch() {
            self.wanted.notify_one();
            // Too late is like not at all.
            let mut keys = self.keys.subscribe();
            let _fetched = timeout(PATIENCE, keys.wait_for(is_since)).await;
            found = self.look_up(token, header);
        }
        found.unwrap_or_else(|| {
            // Wrong only by keys that are fresh: otherwise its key may be one that we do not know.
            Err(if self.is_fresh() {
                NotRecognised::Wrong("token with an unknown key")
            } else {
                NotRecognised::Unavailable { retry_in: AFTER_FAILURE }
            })
        })
    }

    /// `None` if its key is unknown.
    fn look_up(&self, token: &str, header: &Header) -> Option<Recognition> {
        let known = self.known()?;
        let key = known.keys.find(header.kid.as_deref())?;
        Some(caller_of(token, header, key, &self.settings.rules))
    }

    /// Whether a fetch can begin now.
    fn may_fetch(&self) -> bool {
        self.guard.report().state != BreakerState::Open
    }

    fn is_fresh(&self) -> bool {
        self.known().is_some_and(|known| known.at.elapsed() < FRESH)
    }

    /// The keys that still count.
    fn known(&self) -> Option<Fetched> {
        self.keys.borrow().clone().filter(|known| known.at.elapsed() < TRUSTED)
    }
}

impl Authenticator for Jwks {
    fn recognise<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Recognition>> {
        async move {
            let is_public = |header: &Header| header.alg.family() != AlgorithmFamily::Hmac;
            let header = header_of(token).filter(is_public)?;
            Some(self.judge(token, &header).await)
        }
        .boxed()
    }
}

impl HealthProbe for Jwks {
    fn report(&self) -> Vec<Dependency> {
        let keys = self.known().map_or(0, |known| known.keys.len());
        let (name, breaker) = ("auth".to_owned(), self.guard.report());
        let advice = self.advice.lock().unwrap_or_else(PoisonError::into_inner).clone();
        vec![Dependency { name, breaker, detail: Detail::Keys { keys, advice } }]
    }
}
