//! Callers with real API keys.

use axum::body::Body;
use axum::http::Request;
use orchestrator::api::Authentication;
use orchestrator::auth::{ApiKeys, KeyEntry, KeyFile, KeyLimits, mint};
use orchestrator::domain::CallerLimits;

/// A server that knows these users and nobody else, and the key of each.
pub(crate) fn known<const N: usize>(
    users: [(&str, &str, &str); N],
) -> (Authentication, [String; N]) {
    let mut file = KeyFile::default();
    let keys = users.map(|(tenant, user, scope)| {
        let (entry, key) = entry(tenant, user, scope);
        file.keys.push(entry);
        key
    });
    let ways = vec![ApiKeys::new(&file).unwrap() as _];
    (Authentication { ways, anonymous: None }, keys)
}

/// A server that knows these users, each by a key with these limits.
pub(crate) fn limited<const N: usize>(
    users: [(&str, CallerLimits); N],
) -> (Authentication, [String; N]) {
    let mut file = KeyFile::default();
    let keys = users.map(|(user, limits)| {
        let (mut entry, key) = entry("", user, "chat");
        let CallerLimits { turns_per_minute, turns_at_once, tokens_per_day, .. } = limits;
        entry.limits =
            KeyLimits { turns_per_minute, turns_at_once, tokens_per_day, cost_usd_per_day: None };
        file.keys.push(entry);
        key
    });
    let ways = vec![ApiKeys::new(&file).unwrap() as _];
    (Authentication { ways, anonymous: None }, keys)
}

/// A key with its entry in a file of keys.
pub(crate) fn entry(tenant: &str, user: &str, scope: &str) -> (KeyEntry, String) {
    let minted = mint().unwrap();
    let key = minted.text.expose().to_owned();
    let entry = KeyEntry {
        name: format!("{user} {}", minted.id),
        id: minted.id,
        hash: minted.hash,
        tenant: tenant.to_owned(),
        user: user.to_owned(),
        scopes: vec![scope.to_owned()],
        created: None,
        limits: KeyLimits::default(),
    };
    (entry, key)
}

/// The same request, from whoever has this key.
pub(crate) fn with_key(mut request: Request<Body>, key: &str) -> Request<Body> {
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}
