//! What a token must say, and who signs it.

use std::sync::Arc;

use jiff::Timestamp;
use orchestrator::auth::{SecretSettings, SharedSecret, TokenRules};
use orchestrator::domain::{Authenticator, NotRecognised, Scope, Secret};
use serde_json::{Value, json};

use super::{owner, recognition};
use crate::support::issuer::{AUDIENCE, ISSUER, SigningKey};

const SECRET: &str = "thirty-two bytes of a test secret";

fn rules() -> TokenRules {
    TokenRules {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        user_claim: "sub".to_owned(),
        tenant_claim: None,
    }
}

fn way(rules: TokenRules) -> Arc<SharedSecret> {
    SharedSecret::new(SecretSettings { secret: Secret::new(SECRET), rules })
}

fn token(claims: &Value) -> String {
    SigningKey::Secret(SECRET).token("any", claims)
}

#[tokio::test]
async fn a_token_names_its_user_and_may_let_it_operate() {
    let way = way(rules());

    let user = recognition(&*way, &token(&json!({ "sub": "auth0|a/b" }))).await.unwrap();
    let scope = json!({ "scope": "openid orchestrator:operate email" });
    let operator = recognition(&*way, &token(&scope)).await.unwrap();
    let listed = json!({ "aud": ["other", AUDIENCE], "scope": "xorchestrator:operate" });
    let listed = recognition(&*way, &token(&listed)).await.unwrap();

    assert_eq!(user.owner, owner("", "auth0|a/b"));
    assert!(user.may(Scope::Chat) && !user.may(Scope::Operate));
    assert!(operator.may(Scope::Chat) && operator.may(Scope::Operate));
    assert!(!listed.may(Scope::Operate));
}

#[tokio::test]
async fn a_caller_keeps_the_token_until_it_expires_and_never_shows_it() {
    let soon = Timestamp::now().as_second() + 30;
    let text = token(&json!({ "exp": f64::from(i32::try_from(soon).unwrap()) + 0.5 }));

    let caller = recognition(&*way(rules()), &text).await.unwrap();

    let kept = caller.token().unwrap();
    assert_eq!((kept.text.expose(), kept.expires.as_second()), (&*text, soon));
    assert!(kept.remaining().is_some_and(|left| left.as_secs() <= 30));
    assert!(!format!("{caller:?}").contains(&text), "{caller:?}");
    // Clocks may differ, so it is still taken; but nobody else needs to.
    let over = token(&json!({ "exp": Timestamp::now().as_second() - 5 }));
    let caller = recognition(&*way(rules()), &over).await.unwrap();
    assert_eq!(caller.token().unwrap().remaining(), None);
}

#[tokio::test]
async fn a_token_that_breaks_a_rule_is_refused_with_its_reason() {
    let way = way(rules());
    let now = Timestamp::now().as_second();
    for (claims, reason) in [
        (json!({ "exp": now - 120 }), "expired token"),
        (json!({ "exp": null }), "token without a required claim"),
        (json!({ "exp": "4102444800" }), "token without a required claim"),
        (json!({ "nbf": now + 120 }), "token that is not valid yet"),
        (json!({ "nbf": "soon" }), "malformed token"),
        (json!({ "iss": "https://evil.example" }), "token of another issuer"),
        (json!({ "iss": null }), "token without a required claim"),
        (json!({ "aud": "other" }), "token for another audience"),
        (json!({ "aud": null }), "token without a required claim"),
        (json!({ "aud": 7 }), "token without a required claim"),
        (json!({ "sub": null }), "token without a usable user or tenant"),
        (json!({ "sub": "" }), "token without a usable user or tenant"),
        (json!({ "sub": 7 }), "token without a usable user or tenant"),
        (json!({ "sub": "a\u{0}b" }), "token without a usable user or tenant"),
        (json!({ "sub": "ada " }), "token without a usable user or tenant"),
        (json!({ "sub": "x".repeat(300) }), "token without a usable user or tenant"),
    ] {
        let refused = recognition(&*way, &token(&claims)).await;
        assert_eq!(refused, Err(NotRecognised::Wrong(reason)), "{claims}");
    }
}

#[tokio::test]
async fn a_token_is_what_was_signed() {
    let way = way(rules());
    let right = token(&json!({}));
    let (message, signature) = right.rsplit_once('.').unwrap();
    let other = SigningKey::Secret("another secret of thirty-two bytes").token("any", &json!({}));
    let bob = token(&json!({ "sub": "bob" }));
    let (bobs, of_bob) = bob.rsplit_once('.').unwrap();
    let forged = format!("{bobs}.{signature}");
    for wrong in [other, forged, format!("{message}."), format!("{message}.{of_bob}")] {
        let refused = recognition(&*way, &wrong).await;
        assert_eq!(refused, Err(NotRecognised::Wrong("token with a wrong signature")), "{wrong}");
    }
    let critical = json!({ "alg": "HS256", "crit": ["exp"] });
    let critical = SigningKey::Secret(SECRET).token_with(&critical, &json!({}));
    let refused = recognition(&*way, &critical).await;
    assert_eq!(refused, Err(NotRecognised::Wrong("token with critical extensions")));
    // Not for this way: of another algorithm, or no token at all.
    for header in
        [json!({ "alg": "none" }), json!({ "alg": "HS512" }), json!({ "alg": "RS256" }), json!({})]
    {
        let token = SigningKey::Secret(SECRET).token_with(&header, &json!({}));
        assert!(way.recognise(&token).await.is_none(), "{header}");
    }
    for strange in ["", "..", "a.b", "a.b.c.d", &format!("{right}.x"), &"x.y.z".repeat(9_000)] {
        assert!(way.recognise(strange).await.is_none());
    }
}

#[tokio::test]
async fn the_operator_says_where_user_and_tenant_are() {
    let claimed = TokenRules {
        issuer: None,
        audience: None,
        user_claim: "email".to_owned(),
        tenant_claim: Some("org".to_owned()),
    };
    let way = way(claimed);

    let claims = json!({ "email": "ada@acme.example", "org": "acme", "iss": null, "aud": null });
    let caller = recognition(&*way, &token(&claims)).await.unwrap();
    assert_eq!(caller.owner, owner("acme", "ada@acme.example"));
    let foreign = json!({ "email": "ada", "org": "acme", "aud": "other" });
    let foreign = recognition(&*way, &token(&foreign)).await;
    assert_eq!(foreign, Err(NotRecognised::Wrong("token for another audience")));
    for org in [json!(null), json!(""), json!("a/b"), json!(["acme"])] {
        let claims = json!({ "email": "ada", "org": org, "aud": null });
        let refused = recognition(&*way, &token(&claims)).await;
        let reason = "token without a usable user or tenant";
        assert_eq!(refused, Err(NotRecognised::Wrong(reason)), "{org}");
    }
}

/// A token of this length.
fn token_of_length(length: usize) -> String {
    let padded = |pad: usize, id: usize| {
        let header = json!({ "alg": "HS256", "kid": "k".repeat(id) });
        SigningKey::Secret(SECRET).token_with(&header, &json!({ "pad": "x".repeat(pad) }))
    };
    let spare = length - padded(0, 1).len();
    // Three bytes are four letters, so that not every padding gives every length.
    let paddings =
        (spare * 3 / 4 - 8..=spare * 3 / 4).flat_map(|pad| (1..4).map(move |id| (pad, id)));
    let tokens = paddings.map(|(pad, id)| padded(pad, id));
    tokens.into_iter().find(|token| token.len() == length).unwrap()
}

#[tokio::test]
async fn a_token_may_be_twelve_kibibytes_long_and_no_longer() {
    let way = way(rules());

    assert!(recognition(&*way, &token_of_length(12 * 1024)).await.is_ok());
    assert!(way.recognise(&token_of_length(12 * 1024 + 1)).await.is_none());
}
