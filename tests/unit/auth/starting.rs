//! All ways to recognise a caller, started together.

use std::sync::Arc;

use orchestrator::auth::{
    KeyEntry, KeyFile, KeysSettings, SecretSettings, Settings, StartError, Ways, add, start,
};
use orchestrator::domain::Secret;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::issuer_keys::settings;
use super::owner_of;
use crate::support::callers::entry;
use crate::support::issuer::{Issuer, SigningKey};
use crate::support::watchdog::until_async;

const SECRET: &str = "thirty-two bytes of a test secret";

async fn known(ways: &Ways, credential: &str) -> bool {
    for way in &ways.ways {
        if owner_of(&**way, credential).await.is_some() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn every_way_that_is_set_recognises_its_callers_and_keeps_itself_fresh_until_the_end() {
    let (folder, signing) = (TempDir::new().unwrap(), SigningKey::p256());
    let (path, issuer) = (folder.path().join("keys.json"), Issuer::start(&[]).await);
    issuer.publish(&[signing.published("k")]);
    let jwks = settings(&issuer.url);
    let secret = SecretSettings { secret: Secret::new(SECRET), rules: jwks.rules.clone() };
    let keys = KeysSettings { path: path.clone(), file: KeyFile::default() };
    let all = Settings { keys: Some(keys), secret: Some(secret), jwks: Some(jwks) };
    let stop = CancellationToken::new();

    let ways = start(all, &stop).unwrap();

    assert_eq!(ways.ways.len(), 3);
    assert!(ways.health.is_some(), "the issuer is seen in /health");
    let (ada, key) = entry("", "ada", "chat");
    add(&path, ada).unwrap();
    let [signed, published] =
        [SigningKey::Secret(SECRET), signing].map(|it| it.token("k", &json!({})));
    for credential in [key, signed, published] {
        until_async("it is known", async || known(&ways, &credential).await).await;
    }
    let way = Arc::downgrade(&ways.ways[0]);
    drop(ways);
    stop.cancel();
    until_async("the file is watched no more", async || way.upgrade().is_none()).await;
}

#[tokio::test]
async fn without_settings_there_is_no_way_and_faulty_keys_are_no_start() {
    let stop = CancellationToken::new();
    let none = start(Settings::default(), &stop).unwrap();
    assert!(none.ways.is_empty() && none.health.is_none());

    let (ada, _) = entry("", "ada", "chat");
    let file = KeyFile { keys: vec![KeyEntry { hash: "geheim".to_owned(), ..ada }] };
    let keys = Some(KeysSettings { path: "keys.json".into(), file });
    let Err(fault) = start(Settings { keys, ..Settings::default() }, &stop) else { panic!() };

    assert!(matches!(fault, StartError::Keys(_)));
    assert!(fault.to_string().starts_with("API_KEYS_FILE has faults: key 1: its hash"), "{fault}");
}
