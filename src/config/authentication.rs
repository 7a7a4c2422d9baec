//! Who may come in (ADR 29).

use std::path::PathBuf;
use std::time::Duration;

use outbound::is_here;

use super::address::{http_url, plain_url};
use super::env::Env;
use super::file::of_file;
use super::guard::GUARD;
use super::listen::Listen;
use super::outbound::{check_url, outbound};
use super::variables::{
    ALLOW_ANONYMOUS, ALLOWED_HOSTS, API_KEYS_FILE, AUTH_AUDIENCE, AUTH_ISSUER, AUTH_JWKS_URL,
    AUTH_JWT_SECRET, AUTH_TENANT_CLAIM, AUTH_USER_CLAIM, HOST, PUBLIC_URL, Variable,
};
use crate::auth::{
    JwksSettings, KeyFile, KeysSettings, KeysUrl, SecretSettings, Settings, TokenRules,
};
use crate::domain::{Caller, Owner, Scope, Secret};
use crate::resilience::{BreakerSettings, GuardSettings};

/// In bytes: a shorter secret can be guessed from a single token.
const MIN_SECRET: usize = 32;

/// The ways to recognise a caller, and whom a request without a credential comes from; `None` if it
/// is refused.
pub(super) fn authentication(env: &mut Env, listen: &Listen) -> (Settings, Option<Caller>) {
    let settings = Settings { keys: keys(env), secret: secret(env), jwks: jwks(env) };
    let ways = [&API_KEYS_FILE, &AUTH_JWT_SECRET, &AUTH_JWKS_URL];
    let is_asked = ways.iter().any(|way| env.text(way).is_some());
    // Compose cannot tell whether keys are set, and must not leave the door open beside them.
    let words = [("true", true), ("false", false), ("if-no-keys", !is_asked)];
    let serves_all = env.word(&ALLOW_ANONYMOUS, &words).unwrap_or_default();
    let reached = reached_by(env, listen);
    if let (Some(variable), false, false) = (reached, is_asked, serves_all) {
        env.fault(variable.name, OPEN);
    }
    let has_tokens = [&AUTH_JWT_SECRET, &AUTH_JWKS_URL].iter().any(|way| env.text(way).is_some());
    for rule in [&AUTH_ISSUER, &AUTH_AUDIENCE, &AUTH_TENANT_CLAIM] {
        // A mistyped name beside it would leave the door open.
        if env.text(rule).is_some() && !has_tokens {
            env.fault(rule.name, "does nothing without AUTH_JWKS_URL or AUTH_JWT_SECRET");
        }
    }
    // Whoever reaches a loopback address could read the files of this program as well.
    let anonymous = match (is_asked, serves_all) {
        (false, false) => Some(Caller::anyone()),
        (false, true) if reached.is_none() => Some(Caller::anyone()),
        (_, true) => Some(Caller::new(Owner::anyone(), &[Scope::Chat])),
        (true, false) => None,
    };
    (settings, anonymous)
}

/// The variable by which others reach the server, if they do. A proxy in front of a loopback address
/// is not seen, but its name is.
fn reached_by(env: &mut Env, listen: &Listen) -> Option<&'static Variable> {
    if !listen.is_loopback() {
        return Some(&HOST);
    }
    let public = env.text(&PUBLIC_URL).as_deref().and_then(plain_url);
    if public.is_some_and(|url| !is_here(&url)) {
        return Some(&PUBLIC_URL);
    }
    (!env.list(&ALLOWED_HOSTS).is_empty()).then_some(&ALLOWED_HOSTS)
}

const OPEN: &str = "says that others may reach the server, so callers must be recognised: set \
    API_KEYS_FILE (`orchestrator keys new NAME` makes a key), AUTH_JWKS_URL or AUTH_JWT_SECRET; \
    or set ALLOW_ANONYMOUS=true to serve everybody";

fn keys(env: &mut Env) -> Option<KeysSettings> {
    let path = env.text(&API_KEYS_FILE)?;
    let file = of_file(env, &API_KEYS_FILE, &path, KeyFile::read)?;
    Some(KeysSettings { path: PathBuf::from(path), file })
}

fn secret(env: &mut Env) -> Option<SecretSettings> {
    let secret = env.text(&AUTH_JWT_SECRET)?;
    if secret.len() < MIN_SECRET {
        env.fault(AUTH_JWT_SECRET.name, "must have at least 32 bytes; take random ones");
    }
    Some(SecretSettings { secret: Secret::new(secret), rules: rules(env) })
}

fn jwks(env: &mut Env) -> Option<JwksSettings> {
    let text = env.text(&AUTH_JWKS_URL)?;
    let url = http_url(&text).filter(|url| url.scheme() == "https" || is_here(url));
    if url.is_none() {
        // Whoever is on the way could give us keys of their own.
        env.fault(AUTH_JWKS_URL.name, "must be an https URL, or an http URL on this machine");
    }
    if let Some(url) = &url {
        check_url(env, AUTH_JWKS_URL.name, "", url);
    }
    // Without these a token that the same issuer made for another service would be accepted.
    for needed in [&AUTH_ISSUER, &AUTH_AUDIENCE] {
        if env.text(needed).is_none() {
            env.fault(needed.name, "must be set as well when AUTH_JWKS_URL is");
        }
    }
    let breaker = BreakerSettings { max_failures: 3, cool_down: Duration::from_secs(15) };
    let guard = GuardSettings { breaker, ..GUARD };
    Some(JwksSettings {
        url: KeysUrl(url?),
        rules: rules(env),
        timeout: Duration::from_secs(5),
        guard,
        outbound: outbound(env),
    })
}

fn rules(env: &mut Env) -> TokenRules {
    TokenRules {
        issuer: env.text(&AUTH_ISSUER),
        audience: env.text(&AUTH_AUDIENCE),
        user_claim: env.text(&AUTH_USER_CLAIM).unwrap_or_default(),
        tenant_claim: env.text(&AUTH_TENANT_CLAIM),
    }
}

/// The file of keys, for the commands that change it.
pub(super) fn keys_file(env: &mut Env) -> PathBuf {
    let variable: &Variable = &API_KEYS_FILE;
    env.text(variable).map(PathBuf::from).unwrap_or_else(|| {
        env.fault(variable.name, "must name the file of keys, for example data/keys.json");
        PathBuf::new()
    })
}
