//! A server that wants OAuth: an operator signs in, and the token is kept, sent and renewed (ADR 42).

use futures::future::join_all;
use orchestrator::domain::{SealedTokens, TokenPlace};
use orchestrator::mcp::{Login, LoginError, OAuthClient, SealingKey, TokenVault};
use orchestrator::store::MemoryStore;
use serde_json::{Value, json};

use super::*;
use crate::support::guarded::{Guarded, agree};
use crate::support::mcp_server::Era;
use crate::support::watchdog::until;

const BACK: &str = "http://127.0.0.1:1/callback";

/// A guarded server, and where tokens for it are kept.
struct Place {
    inner: McpServer,
    guarded: Guarded,
    store: Arc<MemoryStore>,
}

impl Place {
    async fn new(era: Era) -> Self {
        let inner = McpServer::start(era, &["echo", "auth"]).await;
        let guarded = Guarded::start(&inner).await;
        Self { inner, guarded, store: Arc::default() }
    }

    fn server(&self) -> ServerSettings {
        let transport = Transport::Http { url: self.guarded.mcp_url(), headers: Vec::new() };
        trusted("one", transport)
    }

    fn vault(&self, digit: &str) -> TokenVault {
        let store: Arc<dyn SealedTokens> = Arc::<MemoryStore>::clone(&self.store);
        TokenVault::new(store, SealingKey::read(&digit.repeat(64)).unwrap())
    }

    fn settings(&self) -> Settings {
        Settings { vault: Some(self.vault("a")), ..settings(vec![self.server()]) }
    }

    async fn begin(&self, server: &ServerSettings, scopes: &[&str]) -> Result<Login, LoginError> {
        let scopes: Vec<_> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        in_time(Login::begin(server, &self.settings(), self.vault("a"), BACK, &scopes)).await
    }

    async fn sign_in(&self, scopes: &[&str]) -> Vec<String> {
        let login = self.begin(&self.server(), scopes).await.unwrap();
        let query = agree(login.link()).await;
        assert!(login.is_answered_by(&query));
        in_time(login.finish(&query)).await.unwrap()
    }
}

fn advice(servers: &Servers) -> String {
    match health(servers).detail {
        Detail::Mcp { advice, .. } => advice.unwrap_or_default(),
        other @ (Detail::Model { .. }
        | Detail::Fallback { .. }
        | Detail::Keys { .. }
        | Detail::Database) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_operator_is_told_to_sign_in_and_the_server_is_used_from_then_on_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let place = Place::new(era).await;
        let servers = started(place.settings()).await;
        assert_eq!(
            advice(&servers),
            "it requires a sign-in; run `orchestrator tools login one`",
            "{era:?}"
        );

        assert_eq!(place.sign_in(&[]).await, ["read"], "the scopes that the server asks for");

        until_offered(&servers, "auth").await;
        let sent = call(&servers, "auth", "{}").await.unwrap();
        assert_eq!((sent.as_str(), advice(&servers).as_str()), ("Bearer access-1", ""));
        assert!(!format!("{servers:?}").contains("access-1"));
        let again = started(place.settings()).await;
        assert_eq!(call(&again, "auth", "{}").await.as_deref(), Ok("Bearer access-1"));
        in_time(join_all([servers.shut_down(), again.shut_down()])).await;
    }
}

#[tokio::test]
async fn of_many_calls_on_two_replicas_after_the_end_of_a_token_one_renews_it() {
    let place = Place::new(Era::Stateless).await;
    place.sign_in(&[]).await;
    let replicas = [started(place.settings()).await, started(place.settings()).await];
    for servers in &replicas {
        until_offered(servers, "echo").await;
    }
    place.guarded.end_access();

    let calls = (0..20).map(|number| call(&replicas[number % 2], "auth", "{}"));
    let heard = join_all(calls).await;

    assert!(heard.iter().all(|heard| heard.as_deref() == Ok("Bearer access-2")), "{heard:?}");
    assert_eq!((place.guarded.renewals(), place.inner.calls().len()), (1, 20));
    in_time(join_all(replicas.iter().map(|it| it.shut_down()))).await;
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let place = Place::new(Era::Stateless).await;
    place.guarded.state.lock().unwrap().lifetime = 4;
    place.sign_in(&[]).await;
    let servers = started(place.settings()).await;
    until_offered(&servers, "auth").await;

    until("it is renewed", || place.guarded.renewals() > 0).await;

    let sent = call(&servers, "auth", "{}").await.unwrap();
    assert_ne!(sent, "Bearer access-1");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_sign_in_that_was_revoked_is_told_and_another_one_mends_it() {
    let place = Place::new(Era::Stateless).await;
    place.sign_in(&[]).await;
    let servers = started(place.settings()).await;
    until_offered(&servers, "echo").await;
    place.guarded.revoke();

    assert_eq!(call(&servers, "auth", "{}").await, Err(ToolError::Unavailable));
    until_missing(&servers).await;
    let told = advice(&servers);
    assert_eq!(told, "its sign-in has ended or was revoked; run `orchestrator tools login one`");

    place.sign_in(&[]).await;
    until_offered(&servers, "auth").await;
    assert!(call(&servers, "auth", "{}").await.is_ok());
    assert_eq!(advice(&servers), "");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_scope_that_is_missing_is_told_and_asked_for_beside_those_of_before() {
    let place = Place::new(Era::Stateless).await;
    place.guarded.state.lock().unwrap().scope_of_tool = Some(("auth", "write:all"));
    place.sign_in(&[]).await;
    let servers = started(place.settings()).await;
    until_offered(&servers, "auth").await;

    let refused = call(&servers, "auth", "{}").await.unwrap_err();
    assert!(matches!(&refused, ToolError::Refused(words) if words.contains("operator can allow")));
    let told = advice(&servers);
    assert!(told.ends_with(r#"`orchestrator tools login one --scope "write:all"`"#), "{told}");
    assert_eq!(place.inner.calls(), [""; 0]);

    assert_eq!(place.sign_in(&["write:all"]).await, ["read", "write:all"]);
    until_offered(&servers, "auth").await;
    assert_eq!(call(&servers, "auth", "{}").await.as_deref(), Ok("Bearer access-2"));
    assert_eq!(advice(&servers), "");
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_sign_in_is_for_one_address_and_one_key() {
    let place = Place::new(Era::Stateless).await;
    place.sign_in(&[]).await;
    let other_key = Settings { vault: Some(place.vault("b")), ..place.settings() };
    let servers = started(other_key).await;
    let told = advice(&servers);
    assert!(told.starts_with("its sign-in was kept with another TOKEN_KEY"), "{told}");
    in_time(servers.shut_down()).await;

    let sealed = place.store.find(&row(&place.guarded.mcp_url())).await.unwrap().unwrap();
    assert!(!sealed.contains("access"), "{sealed}");
    let stranger = Guarded::start(&place.inner).await;
    let transport = Transport::Http { url: stranger.mcp_url(), headers: Vec::new() };
    let moved = Settings { servers: vec![trusted("one", transport)], ..place.settings() };
    let servers = started(moved).await;
    assert!(advice(&servers).starts_with("it requires a sign-in"), "{}", advice(&servers));
    // What opens in one row opens in no other.
    place.store.keep(&row(&stranger.mcp_url()), &sealed, None).await.unwrap();
    until("the copy is found", || advice(&servers).starts_with("its sign-in was kept with")).await;
    let changed = sealed.replacen(|digit| digit != '0', "0", 1);
    place.store.keep(&row(&place.guarded.mcp_url()), &changed, None).await.unwrap();
    in_time(servers.shut_down()).await;
    let servers = started(place.settings()).await;
    assert!(advice(&servers).starts_with("its sign-in was kept with"), "{}", advice(&servers));
    in_time(servers.shut_down()).await;
}

/// Where the sign-in at a URL is kept.
fn row(url: &str) -> TokenPlace {
    let digest = ring::digest::digest(&ring::digest::SHA256, url.as_bytes());
    let digest =
        digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    TokenPlace { server: format!("one@{digest}").into(), holder: "operator".into() }
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_a_server_has_no_business_to_name() {
    let place = Place::new(Era::Stateless).await;
    for endpoint in ["token_endpoint", "registration_endpoint", "authorization_endpoint"] {
        for url in [
            "http://169.254.169.254/latest",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/token",
            "https://[::ffff:10.0.0.1]/token",
            "http://issuer.example/token",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            place.guarded.state.lock().unwrap().metadata = json!({ endpoint: url });

            let refused = place.begin(&place.server(), &[]).await.err().unwrap();

            assert!(refused.to_string().contains("may not be used"), "{endpoint} {url}: {refused}");
        }
    }
}

#[tokio::test]
async fn metadata_about_another_server_is_not_used() {
    let place = Place::new(Era::Stateless).await;
    let elsewhere = "https://elsewhere.example";
    let set = |metadata: Value, resource: Value| {
        let mut state = place.guarded.state.lock().unwrap();
        (state.metadata, state.resource) = (metadata, resource);
    };
    set(json!({ "issuer": elsewhere }), json!({}));
    let refused = place.begin(&place.server(), &[]).await.err().unwrap();
    assert!(refused.to_string().contains("about another server"), "{refused}");

    set(json!({}), json!({ "resource": format!("{elsewhere}/mcp") }));
    let refused = place.begin(&place.server(), &[]).await.err().unwrap();
    assert!(refused.to_string().contains("about another server"), "{refused}");

    set(json!({}), json!({}));
    let login = place.begin(&place.server(), &[]).await.unwrap();
    let query = agree(login.link()).await;
    let (honest, _) = query.split_once("&iss=").unwrap();
    assert!(!login.is_answered_by(&honest.replace("state=", "state=x")));
    let forged = format!("{honest}&iss={elsewhere}");
    assert!(matches!(login.finish(&forged).await, Err(LoginError::OtherIssuer)));
    assert!(place.guarded.state.lock().unwrap().valid.is_empty(), "the code was used");
}

#[tokio::test]
async fn an_operators_own_client_is_used_and_what_has_a_credential_gets_no_sign_in() {
    let place = Place::new(Era::Stateless).await;
    place.guarded.state.lock().unwrap().metadata = json!({ "registration_endpoint": null });
    let refused = place.begin(&place.server(), &[]).await.err().unwrap();
    assert!(matches!(refused, LoginError::NoRegistration), "{refused}");
    let oauth = OAuthClient {
        client_id: Some("ours".to_owned()),
        scopes: vec!["few".to_owned()],
        ..OAuthClient::default()
    };
    let own = ServerSettings { oauth, ..place.server() };
    let login = place.begin(&own, &[]).await.unwrap();
    assert!(login.link().contains("client_id=ours&") && login.link().contains("scope=few"));

    let header = ("Authorization".to_owned(), orchestrator::domain::Secret::new("Bearer own"));
    let (url, headers) = (place.guarded.mcp_url(), vec![header]);
    for other in [
        ServerSettings { forward_auth: true, ..place.server() },
        trusted("one", Transport::Http { url, headers }),
        trusted(
            "one",
            Transport::Http { url: "http://a.example/mcp".to_owned(), headers: Vec::new() },
        ),
    ] {
        let refused = place.begin(&other, &[]).await.err().unwrap();
        assert!(matches!(refused, LoginError::NotFor), "{refused}");
    }
}
