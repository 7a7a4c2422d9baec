//! Secrets of every shape, planted wherever one can be: none is ever seen again in a log at trace, an
//! answer, `/health`, or an error at the start.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::callers::entry;
use crate::support::issuer::SigningKey;
use crate::support::process::{Running, client, program};

/// A secret for each place, recognisable by its own word.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    /// A canary that fits into a header, a URL and a JSON text.
    fn at(&mut self, place: &str) -> String {
        let canary = format!("canary{}x{}", self.0.len(), uuid::Uuid::new_v4().simple());
        self.0.insert(place.to_owned(), canary.clone());
        canary
    }

    fn assert_unseen(&self, whose: &str, text: &str) {
        for (place, canary) in &self.0 {
            assert!(!text.contains(canary), "{whose} shows the canary of {place}");
        }
    }
}

/// Tool servers that cannot be reached, with a secret in each place that can have one.
fn servers(canaries: &mut Canaries) -> Value {
    let mut at = |place: &str| canaries.at(place);
    json!({ "mcpServers": {
        "header": { "url": "http://127.0.0.1:9/mcp",
            "headers": { "authorization": format!("Bearer {}", at("MCP authorization")),
                "x-api-key": at("MCP header") } },
        "query": { "url": format!("http://127.0.0.1:9/mcp?key={}", at("MCP query")) },
        "user": { "url": format!("http://u:{}@127.0.0.1:9/mcp", at("MCP password")) },
        "path": { "url": format!("http://127.0.0.1:9/{}/mcp", at("MCP path")) },
        "child": { "command": "false", "args": [format!("--token={}", at("MCP argument"))],
            "env": { "TOKEN": at("MCP environment") } },
        "gone": { "command": format!("/nowhere/{}", at("MCP command")) },
    } })
}

/// The operator's secrets, as the environment of a server whose dependencies all fail.
fn environment(canaries: &mut Canaries, data: &TempDir) -> (Vec<(String, String)>, String) {
    let servers = servers(canaries);
    std::fs::write(data.path().join("mcp.json"), servers.to_string()).unwrap();
    let fallbacks = json!([{ "name": "b", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": "B_KEY" }]);
    let (ops, key) = entry("", "ops", "operate");
    let keys = json!({ "keys": [ops] });
    std::fs::write(data.path().join("keys.json"), keys.to_string()).unwrap();
    let mut at = |place: &str| canaries.at(place);
    let variables = [
        ("GEMINI_API_KEY", at("model key")),
        ("GEMINI_BASE_URL", "http://127.0.0.1:9/v1".to_owned()),
        ("MODEL_FALLBACKS", fallbacks.to_string()),
        ("B_KEY", at("fallback key")),
        ("MCP_CONFIG", "mcp.json".to_owned()),
        (
            "DATABASE_URL",
            format!(
                "postgres://u:{}@127.0.0.1:9/t?application_name={}",
                at("database password"),
                at("database query")
            ),
        ),
        ("API_KEYS_FILE", "keys.json".to_owned()),
        ("AUTH_JWT_SECRET", at("token secret")),
        ("AUTH_JWKS_URL", format!("http://127.0.0.1:9/keys?key={}", at("issuer query"))),
        ("AUTH_ISSUER", "https://issuer.example".to_owned()),
        ("AUTH_AUDIENCE", "us".to_owned()),
        ("ALLOW_ANONYMOUS", "true".to_owned()),
        ("HTTP_PROXY", format!("http://u:{}@127.0.0.1:9", at("proxy password"))),
        ("LOG_LEVEL", "trace".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    (variables.to_vec(), key)
}

fn headers(canaries: &mut Canaries) -> Vec<(&'static str, String)> {
    let mut at = |place: &str| canaries.at(place);
    let token = SigningKey::Secret("a secret of thirty-two bytes here")
        .token(&at("token key id"), &json!({ "sub": at("token user") }));
    vec![
        ("authorization", format!("Bearer {}", at("bearer"))),
        ("authorization", format!("Bearer ork_{}_{}", at("key id"), at("key secret"))),
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("Basic {}", at("basic"))),
        ("authorization", at("bare credential")),
        ("cookie", format!("session={}", at("cookie"))),
        ("x-api-key", at("api key header")),
        ("idempotency-key", at("idempotency key")),
        ("chatkit-frame-instance-id", at("frame")),
        ("x-request-id", format!("{} {}", at("request id"), "is not sane")),
        ("host", format!("{}.example", at("host"))),
        ("origin", format!("https://{}.example", at("origin"))),
        ("user-agent", at("user agent")),
        ("referer", format!("https://a.example/?token={}", at("referer"))),
        ("content-type", format!("text/{}", at("content type"))),
        ("accept", format!("text/{}", at("accept"))),
    ]
}

/// What a client may send that is a secret, or what it wrote: headers, query, path, body.
async fn send(canaries: &mut Canaries, url: &str, said: &mut String) {
    let headers = headers(canaries);
    let message = canaries.at("message");
    let query = canaries.at("query");
    for (name, value) in headers {
        for body in [json!({ "message": message }), crate::support::app::create(&message)] {
            let request = client()
                .post(format!("{url}/chat?key={query}"))
                .header("content-type", "application/json");
            let mut request = request.body(body.to_string()).build().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = client().execute(request).await.unwrap();
            let events = answer.text().await.unwrap();
            // What the person wrote is told to them, and to nobody else.
            said.push_str(&events.replace(&message, ""));
        }
    }
}

/// Paths, queries and bodies that nobody knows.
async fn send_nonsense(canaries: &mut Canaries, url: &str, said: &mut String) {
    let mut at = |place: &str| canaries.at(place);
    for path in [format!("/{}", at("path")), format!("/health?{}", at("health query"))] {
        said.push_str(
            &client().get(format!("{url}{path}")).send().await.unwrap().text().await.unwrap(),
        );
    }
    for body in [
        format!("{{\"message\": \"{}\"", at("half a body")),
        json!({ at("field"): 1 }).to_string(),
        json!({ "type": at("type") }).to_string(),
    ] {
        let request =
            client().post(format!("{url}/chatkit")).header("content-type", "application/json");
        said.push_str(&request.body(body).send().await.unwrap().text().await.unwrap());
    }
}

#[tokio::test]
async fn no_secret_and_no_words_are_seen_again() {
    let data = TempDir::new().unwrap();
    let mut canaries = Canaries::default();
    let mut command = program(data.path());
    let (variables, key) = environment(&mut canaries, &data);
    command.envs(variables);
    let server = Running::spawn(&mut command);
    server.ready().await;
    let mut said = String::new();

    send(&mut canaries, &server.url, &mut said).await;
    send_nonsense(&mut canaries, &server.url, &mut said).await;

    let health = client().get(format!("{}/health", server.url)).bearer_auth(&key);
    let health = health.send().await.unwrap().text().await.unwrap();
    assert!(health.contains("mcp:query") && health.contains("consecutive_failures"), "{health}");
    canaries.0.insert("operator's key".to_owned(), key.rsplit('_').next().unwrap().to_owned());
    let (_, lines) = server.stop();
    assert!(canaries.0.len() >= 30, "{} places", canaries.0.len());
    canaries.assert_unseen("/health", &health);
    canaries.assert_unseen("an answer", &said);
    for line in &lines {
        canaries.assert_unseen("the log", line);
    }
    for tried in ["header", "query", "user", "path", "child", "gone", "database", "jwks"] {
        assert!(lines.iter().any(|line| line.contains(tried)), "nothing is told of {tried}");
    }
}

#[test]
fn what_is_refused_at_the_start_is_not_shown() {
    let data = TempDir::new().unwrap();
    let mut canaries = Canaries::default();
    let (refused, _) = environment(&mut canaries, &data);
    for (name, _) in &refused {
        let value = canaries.at(name);
        let mut command = program(data.path());
        command.envs(refused.iter().map(|(name, value)| (name, value)));
        // Not a URL, a number, a file or a word of any variable.
        let output =
            command.env(name, format!("\u{1}{value}")).env("PORT", "none").output().unwrap();

        assert_eq!(output.status.code(), Some(64), "{name}");
        canaries.assert_unseen(name, &String::from_utf8_lossy(&output.stderr));
    }
}
