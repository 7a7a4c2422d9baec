//! A server that gets the tokens of callers: each call has the token of its own caller, and nobody
//! else ever gets one (ADR 32).

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use orchestrator::api::Authentication;
use orchestrator::auth::{SecretSettings, SharedSecret, TokenRules};
use orchestrator::domain::{BreakerState, CallerToken, Secret};
use serde_json::{Value, json};

use super::owners::{by, user};
use super::*;
use crate::support::app::{Choices, TestApp, json_request};
use crate::support::callers::with_key;
use crate::support::doubles::{ScriptedModel, calls, says};
use crate::support::elsewhere::Stranger;
use crate::support::issuer::{AUDIENCE, ISSUER, SigningKey};
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

const SECRET: &str = "thirty-two bytes of a test secret";

/// The server with a credential of the operator's, and marked.
fn marked(server: &McpServer) -> ServerSettings {
    let headers = [("authorization", "Bearer of the operator"), ("x-key", "k")];
    let headers = headers.map(|(name, value)| (name.to_owned(), Secret::new(value))).into();
    let transport = Transport::Http { url: server.url(), headers };
    ServerSettings { forward_auth: true, ..trusted("one", transport) }
}

fn signed_in(name: &str, text: &str, lasts: SignedDuration) -> Caller {
    let expires = Timestamp::now().checked_add(lasts).unwrap();
    user(name).with_token(CallerToken { text: Secret::new(text), expires })
}

fn hour() -> SignedDuration {
    SignedDuration::from_hours(1)
}

async fn asked(servers: &Servers, caller: &Caller, tool: &str) -> Result<String, ToolError> {
    by(servers, caller, tool, &json!({})).await
}

fn words(answer: Result<String, ToolError>) -> String {
    let ToolError::Refused(words) = answer.unwrap_err() else { panic!("not refused") };
    words
}

#[tokio::test]
async fn each_of_two_callers_at_once_is_called_for_with_their_own_token_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["auth", "header"]).await;
        let servers = started(settings(vec![marked(&server)])).await;
        until_offered(&servers, "auth").await;
        let callers = ["ada", "bob"].map(|name| signed_in(name, &format!("{name}-token"), hour()));

        let many = callers.iter().cycle().take(20);
        let heard = join_all(many.map(|caller| asked(&servers, caller, "auth"))).await;

        for (heard, name) in heard.into_iter().zip(["ada", "bob"].into_iter().cycle()) {
            assert_eq!(heard.unwrap(), format!("Bearer {name}-token"), "{era:?}");
        }
        assert_eq!(asked(&servers, &callers[0], "header").await.as_deref(), Ok("k"));
        // The same person with a new token.
        let later = signed_in("ada", "ada-later", hour());
        assert_eq!(asked(&servers, &later, "auth").await.as_deref(), Ok("Bearer ada-later"));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn whoever_has_no_valid_token_is_told_and_no_call_is_made_with_the_operators() {
    let server = McpServer::start(Era::Stateless, &["auth"]).await;
    let servers = started(settings(vec![marked(&server)])).await;
    until_offered(&servers, "auth").await;

    for caller in [Caller::anyone(), user("with-an-api-key")] {
        let told = words(asked(&servers, &caller, "auth").await);
        assert!(told.contains("not signed in with a token"), "{told}");
    }
    let expired = signed_in("ada", "old", SignedDuration::from_secs(-1));
    let told = words(asked(&servers, &expired, "auth").await);
    assert!(told.contains("has expired"), "{told}");

    assert_eq!(server.calls(), [""; 0]);
    assert_eq!(health(&servers).breaker.calls.failed, 0);
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_server_that_is_not_marked_gets_no_token() {
    let server = McpServer::start(Era::Stateless, &["auth"]).await;
    let other = McpServer::start(Era::Stateless, &["auth"]).await;
    let servers = started(settings(vec![marked(&server), http("other", &other)])).await;
    until_offered(&servers, "one__auth").await;
    until_offered(&servers, "other__auth").await;
    let ada = signed_in("ada", "t", hour());

    assert_eq!(asked(&servers, &ada, "one__auth").await.as_deref(), Ok("Bearer t"));
    assert_eq!(asked(&servers, &ada, "other__auth").await.as_deref(), Ok("none"));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_token_never_goes_across_a_redirect_not_even_within_the_origin() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["auth"]).await;
        let stranger = Stranger::start().await;
        let servers = started(settings(vec![marked(&server)])).await;
        until_offered(&servers, "auth").await;
        for to in [format!("{}/mcp", stranger.url), server.url()] {
            server.send_away("Bearer secret", Some(&to));

            let refused = asked(&servers, &signed_in("ada", "secret", hour()), "auth").await;

            assert_eq!(refused, Err(ToolError::Unavailable), "{era:?}");
        }
        assert_eq!((stranger.visits(), server.calls()), (0, Vec::new()));
        until_offered(&servers, "auth").await;
        let bob = signed_in("bob", "fine", hour());
        assert_eq!(asked(&servers, &bob, "auth").await.as_deref(), Ok("Bearer fine"));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn a_token_that_the_server_refuses_troubles_its_caller_alone() {
    for era in [Era::Sessions, Era::Stateless] {
        let server = McpServer::start(era, &["auth"]).await;
        let mut settings = settings(vec![marked(&server)]);
        settings.guard.breaker.max_failures = 1;
        let servers = started(settings).await;
        until_offered(&servers, "auth").await;
        server.send_away("Bearer bad", None);

        for _ in 0..3 {
            let told = words(asked(&servers, &signed_in("ada", "bad", hour()), "auth").await);
            assert!(told.contains("does not accept"), "{era:?}: {told}");
        }

        let bob = signed_in("bob", "good", hour());
        assert_eq!(asked(&servers, &bob, "auth").await.as_deref(), Ok("Bearer good"));
        let breaker = health(&servers).breaker;
        assert_eq!((breaker.state, breaker.calls.failed), (BreakerState::Closed, 0));
        in_time(servers.shut_down()).await;
    }
}

#[tokio::test]
async fn callers_have_sessions_of_their_own_which_are_limited_and_end_with_their_tokens() {
    let server = McpServer::start(Era::Stateless, &["auth"]).await;
    let servers = started(settings(vec![marked(&server)])).await;
    until_offered(&servers, "auth").await;
    let open = |count: usize| format!("{servers:?}").contains(&format!("CallerSessions({count})"));

    let short = signed_in("short", "short", SignedDuration::from_secs(3));
    asked(&servers, &short, "auth").await.unwrap();
    assert!(open(1), "{servers:?}");
    until("the expired one is closed", || open(0)).await;

    for number in 0..260 {
        let caller = signed_in("many", &format!("token {number}"), hour());
        asked(&servers, &caller, "auth").await.unwrap();
    }
    assert!(open(256), "{servers:?}");
    in_time(servers.shut_down()).await;
    assert!(open(0), "{servers:?}");
}

#[tokio::test]
async fn the_token_of_a_request_goes_with_the_calls_of_its_turn() {
    let server = McpServer::start(Era::Stateless, &["auth"]).await;
    let servers = started(settings(vec![marked(&server)])).await;
    until_offered(&servers, "auth").await;
    let rules = TokenRules {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        user_claim: "sub".to_owned(),
        tenant_claim: None,
    };
    let way = SharedSecret::new(SecretSettings { secret: Secret::new(SECRET), rules });
    let authentication = Authentication { ways: vec![way], anonymous: Some(Caller::anyone()) };
    let turn = || [calls(&[("auth", json!({}))]), says("Done.")];
    let model = ScriptedModel::new([turn(), turn(), turn()].into_iter().flatten());
    let tools = Arc::clone(&servers) as _;
    let app = TestApp::new(Choices { model, tools, authentication, ..Choices::default() }).await;

    for name in ["ada", "bob"] {
        let token = SigningKey::Secret(SECRET).token("k", &json!({ "sub": name }));
        let mut request = json_request("/chat", &json!({ "message": "hi" }));
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let answer = app.send(with_key(request, &token)).await.json();
        assert_eq!(answer["tool_calls"][0]["result"], format!("Bearer {token}"), "{answer}");
    }
    let answer = app.ask(&json!({ "message": "hi" })).await.json();
    assert_eq!(answer["tool_calls"][0]["is_error"], Value::Bool(true), "{answer}");
    let told = answer["tool_calls"][0]["result"].to_string();
    assert!(told.contains("not signed in") && server.calls().len() == 2, "{told}");
    in_time(servers.shut_down()).await;
}
