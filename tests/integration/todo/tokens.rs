//! Over HTTP a token says whose todos a caller may name.

use std::process::Output;

use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use sha2::{Digest, Sha256};
use todo::read_tokens;

use super::http::Served;
use super::*;
use crate::support::process::{Running, client, get, program};

const REVISIONS: [ProtocolVersion; 2] =
    [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

#[tokio::test]
async fn a_token_says_whose_todos_they_are() {
    let served = guarded().await;
    for revision in REVISIONS {
        let ada = visit(&served, "of-ada", &revision).await;
        let bob = visit(&served, "of-bob", &revision).await;
        let made = answer(call(&ada, "create_todo", title("Milk")).await).unwrap();
        let id = json!({ "id": made["id"] });

        for tool in ["get_todo", "complete_todo", "delete_todo"] {
            let refused = answer(call(&bob, tool, id.clone()).await).unwrap_err();
            assert!(refused.starts_with("There is no todo with id t"), "{refused}");
        }
        assert_eq!(answer(call(&ada, "get_todo", id).await).unwrap(), made);
    }
    served.stop().await;
}

#[tokio::test]
async fn only_a_token_that_speaks_for_others_may_name_an_owner() {
    let served = guarded().await;
    for revision in REVISIONS {
        let (ada, bob, agent) = (
            visit(&served, "of-ada", &revision).await,
            visit(&served, "of-bob", &revision).await,
            visit(&served, "of-agent", &revision).await,
        );
        let by = |owner: &str| json!({ "orchestrator/owner": owner });

        let of_agent = call_with(&agent, "create_todo", title("Milk"), by("acme/ada")).await;
        let forgot = call(&agent, "create_todo", title("Salt")).await;
        assert!(answer(forgot).is_err(), "it must say for whom");
        let of_anyone = call_with(&agent, "create_todo", title("Eggs"), by("anyone")).await;
        let foreign = call_with(&bob, "create_todo", title("Tea"), by("acme/ada")).await;
        assert!(answer(foreign).is_err(), "it has the wrong token");
        let of_bob = call_with(&bob, "create_todo", title("Tea"), by("/bob")).await;

        let ids = [of_agent, of_anyone, of_bob].map(|made| answer(made).unwrap()["id"].clone());
        let mut found = Vec::new();
        for id in ids {
            let id = json!({ "id": id });
            found.push([
                answer(call(&ada, "get_todo", id.clone()).await).is_ok(),
                answer(call(&bob, "get_todo", id.clone()).await).is_ok(),
                answer(call_with(&agent, "get_todo", id, by("anyone")).await).is_ok(),
            ]);
        }
        let expected = [[true, false, false], [false, false, true], [false, true, false]];
        assert_eq!(found, expected, "{revision}");
    }
    served.stop().await;
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_answered_but_health() {
    let served = guarded().await;

    for header in
        ["Bearer wrong", "Bearer ", "Bearer", "Basic of-ada", "of-ada", "Bearer of-ada of-ada", ""]
    {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let request = client().request(method.parse().unwrap(), served.url("/mcp"));
            let refused = request.header("authorization", header).send().await.unwrap();

            let told = &refused.headers()["www-authenticate"];
            assert_eq!((refused.status().as_u16(), told.as_bytes()), (401, &b"Bearer"[..]));
            let kind = refused.headers()["content-type"].as_bytes();
            assert_eq!(kind, b"application/problem+json", "{method} {header}");
        }
    }
    let twice = client().post(served.url("/mcp")).header("authorization", "Bearer of-ada");
    let twice = twice.header("authorization", "Bearer of-bob").send().await.unwrap();
    assert_eq!(twice.status(), 401);
    assert_eq!(served.hello("authorization", "bearer of-ada").await.status(), 200);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(get(&served.url(path)).await.0, 200, "{path}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_session_is_found_by_the_token_that_opened_it_alone() {
    let served = guarded().await;
    let opened = served.hello("authorization", "Bearer of-ada").await;
    let session = opened.headers()["mcp-session-id"].clone();
    let with = |method: &str, token: &'static str, body: Value| {
        let request = client().request(method.parse().unwrap(), served.url("/mcp"));
        let request = request.header("authorization", token).header("mcp-session-id", &session);
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        request.body(body.to_string()).send()
    };
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });

    for method in ["POST", "GET", "DELETE"] {
        let refused = with(method, "Bearer of-bob", initialized.clone()).await.unwrap();
        assert_eq!(refused.status(), 404, "{method}");
    }
    let taken = with("POST", "Bearer of-ada", initialized).await.unwrap();
    assert_eq!(taken.status(), 202);
    assert_eq!(with("DELETE", "Bearer of-ada", Value::Null).await.unwrap().status(), 204);
    served.stop().await;
}

#[test]
fn every_fault_of_a_list_of_tokens_is_told_and_no_value_ever() {
    let hash = hash("hush");
    let list = json!({ "tokens": [
        { "name": "one", "hash": hash, "user": "hush" },
        { "name": "one", "hash": hash, "user": "hush" },
        { "name": "hush hush", "hash": "hush", "user": "" },
        { "name": "none", "hash": hash.replace("sha256:", "") },
        { "name": "both", "hash": sha("a"), "user": "hush", "speaks_for_others": true },
        { "name": "tenant", "hash": sha("b"), "user": "hush", "tenant": "hu/sh" },
        { "name": "told", "hash": sha("c"), "speaks_for_others": "hush" },
        { "name": "typo", "hash": sha("d"), "user": "hush", "group": "hush" },
        "hush",
        { "name": "lone", "hash": sha("e"), "tenant": "hush" },
        { "name": "long", "hash": format!("{hash}00"), "user": 7 },
    ]});

    let told = read_tokens(&list.to_string()).unwrap_err().to_string();

    let user = r#""user" and "tenant" must be printable texts of at most 200 bytes, "tenant" without a slash"#;
    let hash = r#""hash" must be sha256: and 64 hexadecimal digits"#;
    let expected = [
        "token 2: another token has its name",
        "token 2: another token has its hash",
        r#"token 3: "name" must be 1 to 64 of A-Z a-z 0-9 _ -"#,
        &format!("token 3: {hash}"),
        &format!("token 3: {user}"),
        &format!("token 4: {hash}"),
        r#"token 4: it has neither "user" nor "speaks_for_others"; give one"#,
        r#"token 5: it has an owner and "speaks_for_others"; keep one"#,
        &format!("token 6: {user}"),
        r#"token 7: "speaks_for_others" must be true or false"#,
        "token 8: it has an unknown member",
        "token 9: it is not an object",
        r#"token 10: it has neither "user" nor "speaks_for_others"; give one"#,
        &format!("token 11: {hash}"),
        &format!("token 11: {user}"),
    ];
    assert_eq!(told.split("; token ").count(), expected.len(), "{told}");
    assert_eq!(told, expected.join("; "));
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_text_that_is_no_list_of_tokens_is_refused_whole() {
    let many = json!({ "tokens": vec![json!({}); 1_001] }).to_string();
    for (text, told) in [
        ("", "the text is not a JSON object"),
        ("[]", "the text is not a JSON object"),
        ("{}", r#"there is no list "tokens"; write {"tokens": [{…}]}"#),
        (r#"{"tokens": {}}"#, r#"there is no list "tokens"; write {"tokens": [{…}]}"#),
        (r#"{"tokens": []}"#, "there is no token"),
        (r#"{"tokens": [1], "x": 1}"#, r#"only the member "tokens" is known"#),
        (&many, "there are more than 1000 tokens; use fewer"),
    ] {
        assert_eq!(read_tokens(text).unwrap_err().to_string(), told);
    }
}

#[test]
fn an_address_that_others_reach_is_refused_without_tokens() {
    let told = "TODO_TOKENS_FILE must name a file of tokens, because others can reach the address \
                of --http; or let --http listen on 127.0.0.1";
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "[::ffff:127.0.0.1]:0"] {
        let output = start(address, None);

        assert_eq!(output.status.code(), Some(64));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_file_of_tokens_with_faults_ends_the_start_without_its_values() {
    let faulty = r#"{"tokens": [{"name": "geheim!", "hash": "geheim", "user": "geheim"}]}"#;

    let output = start("127.0.0.1:0", Some(faulty));

    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("TODO_TOKENS_FILE names a file with faults: token 1: "), "{said}");
    assert!(said.contains(r#"; token 1: "hash""#) && !said.contains("geheim"), "{said}");
}

#[tokio::test]
async fn an_address_that_others_reach_is_served_with_tokens() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("tokens.json"), list().to_string()).unwrap();
    let mut command = program(folder.path());
    command.args(["todo", "--http", "0.0.0.0:0"]).env("TODO_TOKENS_FILE", "tokens.json");

    let server = Running::spawn(&mut command);

    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(get(&format!("{url}/health/live")).await.0, 200);
    assert_eq!(get(&format!("{url}/mcp")).await.0, 401);
    drop(server.stop());
}

/// Starts the program at an address, which must refuse.
fn start(address: &str, tokens: Option<&str>) -> Output {
    let folder = TempDir::new().unwrap();
    let mut command = program(folder.path());
    command.args(["todo", "--http", address]);
    if let Some(tokens) = tokens {
        std::fs::write(folder.path().join("tokens.json"), tokens).unwrap();
        command.env("TODO_TOKENS_FILE", "tokens.json");
    }
    command.output().unwrap()
}

/// A server that knows two users, and an agent that speaks for others.
async fn guarded() -> Served {
    drop(client());
    let tokens = Some(read_tokens(&list().to_string()).unwrap());
    Served::with(Settings { tokens, ..settings("memory") }).await
}

fn list() -> Value {
    json!({ "tokens": [
        { "name": "ada", "hash": hash("of-ada"), "tenant": "acme", "user": "ada" },
        { "name": "bob", "hash": hash("of-bob"), "user": "bob", "speaks_for_others": false },
        { "name": "agent", "hash": hash("of-agent").to_uppercase().replace("SHA", "sha"),
          "speaks_for_others": true },
    ]})
}

fn hash(secret: &str) -> String {
    let digits = Sha256::digest(secret)
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    format!("sha256:{digits}")
}

fn sha(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

async fn visit(
    served: &Served,
    token: &str,
    revision: &ProtocolVersion,
) -> RunningService<RoleClient, ()> {
    let config = StreamableHttpClientTransportConfig::with_uri(served.url("/mcp"));
    let transport = StreamableHttpClientTransport::from_config(config.auth_header(token));
    connect(transport, revision.clone()).await
}
