//! What an issuer answers: how long, how busy, and which keys are of use.

use std::time::Duration;

use axum::http::StatusCode;
use orchestrator::auth::JwksSettings;
use orchestrator::domain::{BreakerState, CallCounts, HealthProbe, NotRecognised};
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::issuer_keys::{Fetching, settings};
use super::{owner_of, recognition};
use crate::support::issuer::{Issuer, SigningKey};
use crate::support::watchdog::until;

/// In bytes.
const LONGEST: usize = 256 * 1024;

fn calls(fetching: &Fetching) -> CallCounts {
    fetching.jwks.report().remove(0).breaker.calls
}

#[tokio::test]
async fn a_set_may_be_as_long_as_it_says_and_no_longer() {
    let key = SigningKey::p256();
    let set = json!({ "keys": [key.published("k")] }).to_string();
    let issuer = Issuer::start(&[]).await;
    issuer.answer(StatusCode::OK, set.clone() + &" ".repeat(LONGEST - set.len()));

    Fetching::with_keys(&issuer.url, 1).await;

    issuer.answer(StatusCode::OK, set.clone() + &" ".repeat(LONGEST + 1 - set.len()));
    let fetching = Fetching::from(&issuer.url);
    until("it was refused", || calls(&fetching).failed > 0).await;
    assert_eq!(fetching.keys(), 0);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_again_and_one_that_says_no_is_not() {
    for (status, times) in [(StatusCode::SERVICE_UNAVAILABLE, 3), (StatusCode::NOT_FOUND, 1)] {
        let issuer = Issuer::start(&[]).await;
        issuer.answer(status, "");
        let settings = settings(&issuer.url);
        let guard = GuardSettings { retries: 2, ..settings.guard };

        let fetching = Fetching::of(JwksSettings { guard, ..settings });

        until("it is given up", || calls(&fetching).failed > 0).await;
        assert_eq!((issuer.asked(), calls(&fetching).failed), (times, 1), "{status}");
    }
}

#[tokio::test]
async fn while_the_breaker_is_open_nobody_waits_for_keys() {
    let issuer = Issuer::start(&[]).await;
    issuer.answer(StatusCode::INTERNAL_SERVER_ERROR, "");
    let settings = settings(&issuer.url);
    let breaker = BreakerSettings { max_failures: 1, cool_down: Duration::from_mins(5) };
    let guard = GuardSettings { breaker, ..settings.guard };
    let fetching = Fetching::of(JwksSettings { guard, ..settings });
    let state = || fetching.jwks.report().remove(0).breaker.state;
    until("the breaker is open", || state() == BreakerState::Open).await;

    let token = SigningKey::p256().token("k", &json!({}));
    let answer = timeout(Duration::from_secs(2), recognition(&*fetching.jwks, &token)).await;

    assert!(matches!(answer, Ok(Err(NotRecognised::Unavailable { .. }))), "{answer:?}");
}

#[tokio::test]
async fn a_key_on_a_curve_has_the_algorithm_of_its_curve_and_no_other() {
    let (small, large) = (SigningKey::p256(), SigningKey::p384());
    let with = |key: &SigningKey, id: &str, field: &str, value: &str| {
        let mut published = key.published(id);
        published[field] = json!(value);
        published
    };
    let keys = [
        with(&small, "small", "alg", "ES256"),
        large.published("large"),
        with(&small, "misnamed", "alg", "ES384"),
        with(&small, "of RSA", "alg", "PS256"),
        with(&large, "too large", "crv", "P-521"),
    ];
    let issuer = Issuer::start(&keys).await;
    let fetching = Fetching::with_keys(&issuer.url, 2).await;

    for (key, id) in [(&small, "small"), (&large, "large")] {
        assert!(owner_of(&*fetching.jwks, &key.token(id, &json!({}))).await.is_some(), "{id}");
    }
    assert_eq!(owner_of(&*fetching.jwks, &small.token("large", &json!({}))).await, None);
}

#[tokio::test]
async fn an_rsa_key_has_the_algorithm_that_it_names_if_that_is_one_of_rsa() {
    let rsa: Value = serde_json::from_str(include_str!("rsa.json")).unwrap();
    let named = |id: &str, algorithm: &str| {
        let mut key = rsa["key"].clone();
        key["kid"] = json!(id);
        key["alg"] = json!(algorithm);
        key
    };
    let wrong = ["ES256", "HS256", "EdDSA", "RSA-OAEP"].map(|algorithm| named("wrong", algorithm));
    let right = ["RS384", "PS512"].map(|algorithm| named("right", algorithm));
    let issuer = Issuer::start(&[&wrong[..], &right[..]].concat()).await;

    let fetching = Fetching::with_keys(&issuer.url, 2).await;

    let signed_otherwise = rsa["tokens"]["RS256"].as_str().unwrap();
    assert_eq!(owner_of(&*fetching.jwks, signed_otherwise).await, None);
}

#[test]
fn the_url_of_the_keys_is_not_shown_as_it_may_contain_a_secret() {
    let shown = format!("{:?}", settings("https://issuer.example/keys?token=geheim"));

    assert!(shown.contains("url: ***") && !shown.contains("issuer.example/keys"), "{shown}");
}
