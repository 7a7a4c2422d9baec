//! Tokens that are signed by keys which an issuer publishes. The keys are fetched in the background
//! and kept; no request waits for a fetch unless it names a key that nobody knows yet (ADR 29).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::domain::{Authenticator, Dependency, Detail, HealthProbe, NotRecognised, Recognition};
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
use super::fetch::{client, fetch};
use super::key_set::KeySet;
use super::ring_crypto;
use crate::settings::JwksSettings;

/// How often the keys are fetched: issuers announce a new key long before they use it.
const EVERY: Duration = Duration::from_mins(10);

/// How soon after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// The least time between two fetches, whatever tokens come: anyone can write a token with an
/// unknown key.
const LEAST: Duration = Duration::from_secs(30);

/// How long a token with an unknown key waits for a fetch.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Jwks {
    settings: JwksSettings,
    client: Client,
    guard: Guard,
    keys: watch::Sender<Option<Arc<KeySet>>>,
    wanted: Notify,
    last_asked: Mutex<Option<Instant>>,
}

impl Jwks {
    pub fn new(settings: JwksSettings) -> Result<Arc<Self>, reqwest::Error> {
        ring_crypto::install();
        let (client, guard) = (client()?, Guard::new("auth", settings.guard));
        let (keys, wanted) = (watch::Sender::new(None), Notify::new());
        Ok(Arc::new(Self { settings, client, guard, keys, wanted, last_asked: Mutex::default() }))
    }

    /// Keeps the keys fresh until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        let fetching = async {
            loop {
                let is_fresh = self.fetch().instrument(info_span!("jwks")).await;
                select! {
                    () = sleep(if is_fresh { EVERY } else { AFTER_FAILURE }) => {}
                    () = self.wanted.notified() => {}
                }
            }
        };
        let _stopped = stop.run_until_cancelled(fetching).await;
    }

    async fn fetch(&self) -> bool {
        *self.last_asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let JwksSettings { url, timeout, .. } = &self.settings;
        let fetched = self.guard.call_within(*timeout, || fetch(&self.client, url)).await;
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "The issuer's keys were fetched");
                self.keys.send_replace(Some(Arc::new(keys)));
                true
            }
            Err(fault) => {
                let error = &fault as &dyn std::error::Error;
                let is_known = self.keys.borrow().is_some();
                tracing::warn!(error, is_known, "AUTH_JWKS_URL gave no keys; the last ones stay");
                // Whoever waits for a fetch hears that there was one.
                self.keys.send_modify(|_| {});
                false
            }
        }
    }

    async fn judge(&self, token: &str, header: &Header) -> Recognition {
        let mut keys = self.keys.subscribe();
        let mut found = self.look_up(token, header);
        if found.is_none() && self.ask_for_keys() {
            // Too late is answered like not found.
            let _fetched = timeout(PATIENCE, keys.changed()).await;
            found = self.look_up(token, header);
        }
        found.unwrap_or_else(|| match *self.keys.borrow() {
            Some(_) => Err(NotRecognised::Wrong("token with an unknown key")),
            None => Err(NotRecognised::Unavailable { retry_in: AFTER_FAILURE }),
        })
    }

    /// `None` if its key is unknown.
    fn look_up(&self, token: &str, header: &Header) -> Option<Recognition> {
        let keys = self.keys.borrow().clone()?;
        let key = keys.find(header.kid.as_deref())?;
        Some(caller_of(token, header, key, &self.settings.rules))
    }

    /// Whether a fetch begins because of this call.
    fn ask_for_keys(&self) -> bool {
        let mut last = self.last_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= LEAST);
        if is_due {
            *last = Some(Instant::now());
            self.wanted.notify_one();
        }
        is_due
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
        let keys = self.keys.borrow().as_ref().map_or(0, |keys| keys.len());
        let (name, breaker) = ("auth".to_owned(), self.guard.report());
        vec![Dependency { name, breaker, detail: Detail::Keys { keys } }]
    }
}
