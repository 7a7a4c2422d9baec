//! From a token to its caller, or to the reason why it is refused. No IO.

use base::domain::{Caller, CallerToken, NotRecognised, Owner, Recognition, Scope, Secret};
use jiff::Timestamp;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::settings::TokenRules;

/// The word in `scope` by which an issuer lets a user operate the server.
const OPERATE: &str = "orchestrator:operate";

/// In bytes: longer than any issuer's tokens, and a quarter less than a whole head may have (ADR 33).
const MAX_TOKEN: usize = 12 * 1024;

/// A key, and the one algorithm that tokens of it have. A token does not choose: that is how
/// forged ones were accepted elsewhere (ADR 29).
#[derive(Clone, Debug)]
pub(super) struct TokenKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The header of a token; `None` if it is none.
pub(super) fn header_of(token: &str) -> Option<Header> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return None;
    }
    decode_header(token).ok()
}

pub(super) fn caller_of(
    token: &str,
    header: &Header,
    key: &TokenKey,
    rules: &TokenRules,
) -> Recognition {
    // It says that not understanding these would be dangerous, and none is understood here.
    if header.crit.is_some() {
        return Err(NotRecognised::Wrong("token with critical extensions"));
    }
    let claims = decode::<Map<String, Value>>(token, &key.key, &validation(key.algorithm, rules));
    let claims = claims.map_err(|error| NotRecognised::Wrong(reason(&error)))?.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let tenant = rules.tenant_claim.as_deref().map_or(Some(""), text);
    let owner = tenant.zip(text(&rules.user_claim)).and_then(|(tenant, user)| {
        // A token that should name a tenant and names an empty one belongs to nobody.
        (tenant.is_empty() == rules.tenant_claim.is_none()).then(|| Owner::user(tenant, user))?
    });
    let owner = owner.ok_or(NotRecognised::Wrong("token without a usable user or tenant"))?;
    let may_operate = text("scope").is_some_and(|all| all.split(' ').any(|one| one == OPERATE));
    let scopes = [Scope::Chat, Scope::Operate];
    let caller = Caller::new(owner, if may_operate { &scopes } else { &scopes[..1] });
    let expires = claims.get("exp").and_then(Value::as_f64).and_then(timestamp);
    Ok(match expires {
        Some(expires) => caller.with_token(CallerToken { text: Secret::new(token), expires }),
        None => caller,
    })
}

/// Rounded down: issuers may write fractions.
#[expect(clippy::cast_possible_truncation, reason = "what is too large is no timestamp either")]
fn timestamp(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_second(seconds as i64).ok()
}

fn validation(algorithm: Algorithm, rules: &TokenRules) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_nbf = true;
    let mut required = vec!["exp"];
    if let Some(issuer) = &rules.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    // Without an audience of our own, a token that names one is for somebody else.
    if let Some(audience) = &rules.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// In our words: an error's own may quote the token.
fn reason(error: &Error) -> &'static str {
    let kind = error.kind();
    let known = [
        (matches!(kind, ErrorKind::ExpiredSignature), "expired token"),
        (matches!(kind, ErrorKind::ImmatureSignature), "token that is not valid yet"),
        (matches!(kind, ErrorKind::InvalidIssuer), "token of another issuer"),
        (matches!(kind, ErrorKind::InvalidAudience), "token for another audience"),
        (matches!(kind, ErrorKind::InvalidSignature), "token with a wrong signature"),
        (matches!(kind, ErrorKind::InvalidAlgorithm), "token with another algorithm"),
        (matches!(kind, ErrorKind::MissingRequiredClaim(_)), "token without a required claim"),
    ];
    known.into_iter().find(|(is_it, _)| *is_it).map_or("malformed token", |(_, words)| words)
}
