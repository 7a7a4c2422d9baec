//! Keys that an issuer publishes: fetched in the background, kept, replaced.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::join_all;
use orchestrator::auth::{Jwks, JwksSettings, KeysUrl, TokenRules};
use orchestrator::domain::{Authenticator, BreakerState, Detail, HealthProbe, NotRecognised};
use orchestrator::outbound::{Outbound, ReachableNetworks};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{owner_of, recognition};
use crate::support::elsewhere::{Redirector, Stranger};
use crate::support::issuer::{AUDIENCE, ISSUER, Issuer, SigningKey};
use crate::support::names::FakeNames;
use crate::support::watchdog::until;

const UNKNOWN: Result<orchestrator::domain::Caller, NotRecognised> =
    Err(NotRecognised::Wrong("token with an unknown key"));

pub(super) struct Fetching {
    pub(super) jwks: Arc<Jwks>,
    task: JoinHandle<()>,
}

impl Fetching {
    pub(super) fn from(url: &str) -> Self {
        Self::by(url, Outbound::default())
    }

    fn by(url: &str, outbound: Outbound) -> Self {
        Self::of(JwksSettings { outbound, ..settings(url) })
    }

    pub(super) fn of(settings: JwksSettings) -> Self {
        let jwks = Jwks::new(settings).unwrap();
        let task = tokio::spawn(Arc::clone(&jwks).keep_fresh(CancellationToken::new()));
        Self { jwks, task }
    }

    pub(super) async fn with_keys(url: &str, count: usize) -> Self {
        let fetching = Self::from(url);
        until("the keys are there", || fetching.keys() == count).await;
        fetching
    }

    pub(super) fn keys(&self) -> usize {
        self.told().0
    }

    fn advice(&self) -> Option<String> {
        self.told().1
    }

    fn told(&self) -> (usize, Option<String>) {
        match self.jwks.report().remove(0).detail {
            Detail::Keys { keys, advice } => (keys, advice),
            other @ (Detail::Model { .. }
            | Detail::Fallback { .. }
            | Detail::Mcp { .. }
            | Detail::Database) => panic!("{other:?}"),
        }
    }
}

/// Of an issuer that is asked once each time, with a breaker that hardly opens.
pub(super) fn settings(url: &str) -> JwksSettings {
    let rules = TokenRules {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        user_claim: "sub".to_owned(),
        tenant_claim: None,
    };
    let breaker = BreakerSettings { max_failures: 100, cool_down: Duration::from_secs(1) };
    let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(1));
    let guard = GuardSettings { breaker, retries: 0, min_delay, max_delay, jitter: false };
    let (url, timeout) = (KeysUrl(url.parse().unwrap()), Duration::from_secs(5));
    JwksSettings { url, rules, timeout, guard, outbound: Outbound::default() }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn tokens_of_every_kind_of_key_are_recognised() {
    let (curve, edwards) = (SigningKey::p256(), SigningKey::ed25519());
    let rsa: Value = serde_json::from_str(include_str!("rsa.json")).unwrap();
    let mut padded = rsa["key"].clone();
    padded["alg"] = json!("PS256");
    let keys = [curve.published("curve"), edwards.published("edwards"), rsa["key"].clone()];
    let issuer = Issuer::start(&keys).await;
    let fetching = Fetching::with_keys(&issuer.url, 3).await;

    let of = async |token: &str| owner_of(&*fetching.jwks, token).await;
    assert_eq!(of(&curve.token("curve", &json!({}))).await.as_deref(), Some("/ada"));
    assert_eq!(
        of(&edwards.token("edwards", &json!({ "sub": "bob" }))).await.as_deref(),
        Some("/bob")
    );
    assert_eq!(of(rsa["tokens"]["RS256"].as_str().unwrap()).await.as_deref(), Some("/ada"));
    // A key has one algorithm: the token does not choose.
    assert_eq!(of(rsa["tokens"]["PS256"].as_str().unwrap()).await, None);
    assert_eq!(of(&curve.token("edwards", &json!({}))).await, None);
    let issuer = Issuer::start(&[padded]).await;
    let fetching = Fetching::with_keys(&issuer.url, 1).await;
    let pss = owner_of(&*fetching.jwks, rsa["tokens"]["PS256"].as_str().unwrap()).await;
    assert_eq!(pss.as_deref(), Some("/ada"));
}

#[tokio::test]
async fn what_is_no_key_for_signatures_is_left_out() {
    let key = SigningKey::p256();
    let mut for_encryption = SigningKey::p256().published("enc");
    for_encryption["use"] = json!("enc");
    let mut misnamed = SigningKey::p256().published("misnamed");
    misnamed["alg"] = json!("HS256");
    let published = SigningKey::Secret("a secret that somebody published!").published("oct");
    let odd = [
        json!({}),
        json!({ "kty": "RSA", "kid": "half" }),
        json!("key"),
        json!({ "kty": "new", "kid": "n" }),
    ];
    let mut all = vec![for_encryption, misnamed, published];
    all.extend(odd);
    all.push(key.published("right"));
    let issuer = Issuer::start(&all).await;
    let fetching = Fetching::with_keys(&issuer.url, 1).await;

    assert!(owner_of(&*fetching.jwks, &key.token("right", &json!({}))).await.is_some());
    let nameless = key.token_with(&json!({ "alg": "ES256" }), &json!({}));
    assert!(owner_of(&*fetching.jwks, &nameless).await.is_some(), "it is the only key");
    // The public key of an issuer is known to all: it must not serve as a secret.
    let secret = SigningKey::Secret("a secret that somebody published!");
    assert_eq!(owner_of(&*fetching.jwks, &secret.token("oct", &json!({}))).await, None);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_however_many_tokens_name_unknown_ones() {
    let (old, new) = (SigningKey::p256(), SigningKey::p256());
    let issuer = Issuer::start(&[old.published("old")]).await;
    let fetching = Fetching::with_keys(&issuer.url, 1).await;
    assert_eq!(issuer.asked(), 1);
    issuer.publish(&[old.published("old"), new.published("new")]);

    // Fetched a moment ago: anyone can write a token with an unknown key.
    for _ in 0..50 {
        let refused = recognition(&*fetching.jwks, &new.token("new", &json!({}))).await;
        assert_eq!(refused, UNKNOWN);
    }
    assert_eq!(issuer.asked(), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let token = new.token("new", &json!({}));
    let all = join_all((0..50).map(|_| fetching.jwks.recognise(&token))).await;
    assert!(all.iter().all(|answer| matches!(answer, Some(Ok(_)))), "{all:?}");
    assert!(issuer.asked() <= 3, "{}", issuer.asked());
}

#[tokio::test]
async fn an_issuer_that_fails_leaves_the_keys_as_they_were() {
    let key = SigningKey::p256();
    let issuer = Issuer::start(&[key.published("k")]).await;
    let fetching = Fetching::with_keys(&issuer.url, 1).await;
    for (status, text) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "down".to_owned()),
        (StatusCode::OK, "not JSON".to_owned()),
        (StatusCode::OK, json!({ "keys": [] }).to_string()),
        (StatusCode::FOUND, String::new()),
        (StatusCode::OK, " ".repeat(300 * 1024)),
    ] {
        let asked = issuer.asked();
        issuer.answer(status, text);
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(11)).await;
        tokio::time::resume();
        until("it was asked again", || issuer.asked() > asked).await;
        assert!(owner_of(&*fetching.jwks, &key.token("k", &json!({}))).await.is_some());
        assert_eq!(fetching.keys(), 1);
    }
    // Its key may be new, and nobody can say so now.
    let unknown = recognition(&*fetching.jwks, &SigningKey::p256().token("new", &json!({}))).await;
    assert!(matches!(unknown, Err(NotRecognised::Unavailable { .. })), "{unknown:?}");
    tokio::time::pause();
    tokio::time::advance(Duration::from_hours(25)).await;
    assert_eq!(fetching.keys(), 0, "nobody has spoken for them for a day");
}

#[tokio::test]
async fn while_no_keys_are_known_nobody_is_called_wrong() {
    let key = SigningKey::p256();
    let issuer = Issuer::start(&[]).await;
    let fetching = Fetching::from(&issuer.url);
    until("it was asked", || issuer.asked() > 0).await;

    let answer = recognition(&*fetching.jwks, &key.token("k", &json!({}))).await;

    assert!(matches!(answer, Err(NotRecognised::Unavailable { .. })), "{answer:?}");
    assert_eq!(fetching.keys(), 0);
}

#[tokio::test]
async fn keys_are_not_fetched_where_their_name_must_not_lead_and_no_breaker_opens() {
    let key = SigningKey::p256();
    let issuer = Issuer::start(&[key.published("k")]).await;
    let url = issuer.url.replace("127.0.0.1", "issuer.test");
    for (networks, address, part) in [
        (ReachableNetworks::All, "169.254.169.254", "link-local"),
        (ReachableNetworks::Public, "127.0.0.1", "BLOCK_PRIVATE_NETWORKS"),
    ] {
        let names = FakeNames::answering(&[&[address]]);
        let fetching = Fetching::by(&url, names.outbound(networks));
        until("the refusal is told", || fetching.advice().is_some()).await;

        assert_eq!((issuer.asked(), names.asked().len()), (0, 1));
        let advice = fetching.advice().unwrap();
        assert!(advice.starts_with("change AUTH_JWKS_URL: ") && advice.contains(part), "{advice}");
        let breaker = fetching.jwks.report().remove(0).breaker;
        assert_eq!((breaker.state, breaker.calls.failed), (BreakerState::Closed, 0));
    }
    let names = FakeNames::answering(&[&["169.254.169.254", "127.0.0.1"]]);
    let fetching = Fetching::by(&url, names.outbound(ReachableNetworks::All));
    until("the keys are there", || fetching.keys() == 1).await;
    assert_eq!((issuer.asked(), names.asked().len(), fetching.advice()), (1, 1, None));
}

#[tokio::test]
async fn a_token_does_not_say_where_its_key_is() {
    let stranger = Stranger::start().await;
    let issuer = Issuer::start(&[SigningKey::p256().published("k")]).await;
    let fetching = Fetching::with_keys(&issuer.url, 1).await;
    let url = format!("{}/keys", stranger.url);
    let header = json!({ "alg": "ES256", "kid": "other", "jku": url, "x5u": url });

    let token = SigningKey::p256().token_with(&header, &json!({ "iss": url }));

    assert_eq!(recognition(&*fetching.jwks, &token).await, UNKNOWN);
    assert_eq!(stranger.visits(), 0);
}

#[tokio::test]
async fn a_redirect_of_the_issuer_is_not_followed() {
    let stranger = Stranger::start().await;
    for status in [301, 302, 303, 307, 308] {
        let redirector = Redirector::start(status, stranger.url.clone()).await;
        let fetching = Fetching::from(&format!("{}/keys", redirector.url));
        until("it was asked", || !redirector.seen().is_empty()).await;
        until("it was refused", || fetching.jwks.report()[0].breaker.calls.failed > 0).await;

        assert_eq!((fetching.keys(), stranger.visits()), (0, 0), "{status}");
    }
}
