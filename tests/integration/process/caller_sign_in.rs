//! Callers sign in at a tool server, with real processes, browsers and databases (ADR 46).

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::browser::Browser;
use crate::support::guarded::{CLIENT_SECRET, Guarded};
use crate::support::issuer::SigningKey;
use crate::support::mcp_server::{Era, McpServer};
use crate::support::model_server::ModelServer;
use crate::support::postgres;
use crate::support::process::{Running, client, get};
use crate::support::watchdog::until_async;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SECRET: &str = "thirty-two bytes of a test secret";

/// A guarded server, a model that calls its tool, and a folder for the program.
struct Street {
    guarded: Guarded,
    model: ModelServer,
    folder: TempDir,
    database: String,
    _inner: McpServer,
}

impl Street {
    async fn new(database: Option<String>) -> Self {
        let inner = McpServer::start(Era::Stateless, &["auth"]).await;
        let guarded = Guarded::start(&inner).await;
        guarded.state.lock().unwrap().lists_openly = true;
        let folder = TempDir::new().unwrap();
        let far = json!({
            "url": guarded.mcp_url(), "sign_in": "caller", "trust": "trusted", "approval": "never",
        });
        let servers = json!({ "mcpServers": { "far": far } });
        std::fs::write(folder.path().join("mcp.json"), servers.to_string()).unwrap();
        let database =
            database.unwrap_or_else(|| format!("sqlite://{}/threads.db", folder.path().display()));
        let model = ModelServer::emulate().await;
        Self { guarded, model, folder, database, _inner: inner }
    }

    async fn start(&self) -> Running {
        let running = Running::start(
            &self.folder,
            &[
                ("MCP_CONFIG", "mcp.json"),
                ("TOKEN_KEY", KEY),
                ("LOG_LEVEL", "trace"),
                ("AUTH_JWT_SECRET", SECRET),
                ("DATABASE_URL", &self.database),
                ("GEMINI_API_KEY", "key"),
                ("GEMINI_BASE_URL", &self.model.base_url),
            ],
        );
        let there = async || get(&format!("{}/health", running.url)).await.1["status"] == "ok";
        until_async("its server is there", there).await;
        running
    }
}

fn token(name: &str) -> String {
    SigningKey::Secret(SECRET).token("k", &json!({ "sub": name, "iss": null, "aud": null }))
}

async fn call(server: &Running, name: &str) -> Value {
    let request = client().post(format!("{}/chat", server.url)).bearer_auth(token(name));
    let request = request.header("accept", "application/json");
    let request = request.header("content-type", "application/json");
    let body = json!({ "message": "call:auth{} please" }).to_string();
    let text = request.body(body).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

async fn result(server: &Running, name: &str) -> String {
    call(server, name).await["tool_calls"][0]["result"].as_str().unwrap().to_owned()
}

/// The same address on another replica.
fn at(server: &Running, url: &str) -> String {
    format!("{}/{}", server.url, url.splitn(4, '/').nth(3).unwrap())
}

/// Each step on another replica: the link, where the browser came back, the log of the first, and
/// the replica that came in its place.
async fn signed_in(
    street: &Street,
    first: Running,
    second: &Running,
) -> (String, String, Vec<String>, Running) {
    let answer = call(&first, "ada").await;
    let link = answer["sign_ins"][0]["url"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
    let mut browser = Browser::new();
    assert_eq!(browser.open(&at(second, link)).await.status, 200);
    let back = browser.click_and_agree(link).await;
    let log = first.stop().1;
    let again = street.start().await;

    let done = browser.open(&at(&again, &back)).await;

    assert!(done.status == 200 && done.text.contains("<strong>ada</strong>"), "{done:?}");
    (link.to_owned(), back, log, again)
}

async fn from_a_link_to_a_call(database: Option<String>) {
    let street = Street::new(database).await;
    let (first, second) = (street.start().await, street.start().await);
    let (link, back, mut shown, again) = signed_in(&street, first, &second).await;
    for server in [&second, &again] {
        assert_eq!(result(server, "ada").await, "Bearer access-1");
        assert!(result(server, "bob").await.contains("nothing was done"));
    }
    street.guarded.end_access();
    let (one, other) = tokio::join!(result(&second, "ada"), result(&again, "ada"));
    assert_eq!([one.as_str(), other.as_str()], ["Bearer access-2"; 2]);
    assert_eq!(street.guarded.renewals(), 1);
    let out = client().post(format!("{}/sign-out/far", again.url)).bearer_auth(token("ada"));
    assert_eq!(out.send().await.unwrap().status(), 204);
    assert!(result(&second, "ada").await.contains("nothing was done"));

    shown.extend(second.stop().1);
    shown.extend(again.stop().1);
    assert_hidden(&shown.join("\n"), &link, &back);
}

/// The log tells of a sign-in, and nothing with which anybody could do something.
fn assert_hidden(log: &str, link: &str, back: &str) {
    assert!(log.contains("/sign-in/{link}") && log.contains("/sign-in/callback"), "{log}");
    let (_, sealed) = link.rsplit_once('/').unwrap();
    let (_, state) = back.split_once("state=").unwrap();
    let state = state.split('&').next().unwrap();
    for secret in ["access-", "refresh-", "code-1", state, sealed, CLIENT_SECRET, KEY] {
        let told = log.lines().find(|told| told.contains(secret));
        assert!(told.is_none(), "{secret} in {told:?}");
    }
}

#[tokio::test]
async fn any_replica_does_each_step_of_a_sign_in_and_no_log_shows_it() {
    from_a_link_to_a_call(None).await;
}

#[tokio::test]
async fn so_it_is_with_postgresql() {
    let Some(database) = postgres::database().await else { return };
    from_a_link_to_a_call(Some(database)).await;
}
