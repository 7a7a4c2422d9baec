//! What comes as a JSON Web Token. Raw bytes are never one; signed ones only as the rules say.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use orchestrator::auth::{SecretSettings, SharedSecret, TokenRules};
use orchestrator::domain::{Authenticator, Secret};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::super::issuer::{AUDIENCE, ISSUER, SigningKey};

const SECRET: &str = "thirty-two bytes of a test secret";

/// In seconds: clocks may differ by this.
const LEEWAY: f64 = 61.0;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static WAY: LazyLock<Arc<SharedSecret>> = LazyLock::new(|| {
    let rules = TokenRules {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        user_claim: "sub".to_owned(),
        tenant_claim: Some("org".to_owned()),
    };
    SharedSecret::new(SecretSettings { secret: Secret::new(SECRET), rules })
});

/// A header and claims with a line between them are signed; anything else is a token as it is.
pub(crate) fn judge(input: &[u8]) {
    let Some((header, claims)) = halves(input) else {
        assert!(!is_accepted(&String::from_utf8_lossy(input)), "{}", input.escape_ascii());
        return;
    };
    let token = SigningKey::Secret(SECRET).token_of(header, claims);
    if is_accepted(&token) {
        assert_valid(header, claims);
    }
    let broken = token.replacen('.', ".A", 1);
    assert!(!is_accepted(&broken), "{broken}");
}

fn halves(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = input.iter().position(|it| *it == b'\n')?;
    Some((&input[..at], &input[at + 1..]))
}

fn is_accepted(token: &str) -> bool {
    matches!(RUNTIME.block_on(WAY.recognise(token)), Some(Ok(_)))
}

fn assert_valid(header: &[u8], claims: &[u8]) {
    let told = format!("{}\n{}", header.escape_ascii(), claims.escape_ascii());
    let header: Value = serde_json::from_slice(header).unwrap();
    let claims: Value = serde_json::from_slice(claims).unwrap();
    let now = Timestamp::now().as_duration().as_secs_f64();
    assert_eq!(header["alg"], "HS256", "{told}");
    assert!(header.get("crit").is_none(), "{told}");
    assert_eq!(claims["iss"], ISSUER, "{told}");
    assert!(claims["exp"].as_f64().unwrap() > now - LEEWAY, "{told}");
    assert!(claims.get("nbf").is_none_or(|it| it.as_f64().unwrap() < now + LEEWAY), "{told}");
    assert!(!claims["sub"].as_str().unwrap().is_empty(), "{told}");
    let is_ours = |it: &Value| it == AUDIENCE;
    assert!(
        is_ours(&claims["aud"]) || claims["aud"].as_array().unwrap().iter().any(is_ours),
        "{told}"
    );
}
