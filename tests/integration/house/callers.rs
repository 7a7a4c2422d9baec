//! Who may come in, and what each may see (ADR 29).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use orchestrator::api::{Authentication, Hosts};
use orchestrator::auth::{Jwks, JwksSettings, KeysUrl, TokenRules};
use orchestrator::domain::{Caller, Owner, Scope};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, add, create, json_request, memory};
use crate::support::callers::{known, with_key};
use crate::support::doubles::{Act, FakeTools, ScriptedModel, calls, says};
use crate::support::faulty::Faulty;
use crate::support::issuer::SigningKey;
use crate::support::watchdog::within;

/// What may be had without a credential: whether the server is well, and the page, which has no
/// data.
const OPEN: &[&str] = &["/", "/page.css", "/page.js", "/health", "/health/live", "/health/ready"];

async fn app(script: impl IntoIterator<Item = Act>, authentication: Authentication) -> TestApp {
    let model = ScriptedModel::new(script);
    TestApp::new(Choices { model, authentication, ..Choices::default() }).await
}

/// The routes as the router declares them.
fn routes() -> Vec<(Method, String)> {
    let declared = include_str!("../../../src/api/router.rs");
    let routes = declared.split(".route(\"").skip(1).map(|route| {
        let (path, rest) = route.split_once('"').unwrap();
        let method = if rest.starts_with(", post") { Method::POST } else { Method::GET };
        (method, path.replace(['{', '}'], ""))
    });
    // At the private address alone, which `process::reload` asks.
    routes.filter(|(_, path)| path != "/admin/reload").collect()
}

#[tokio::test]
async fn nothing_but_health_and_the_page_is_open() {
    let (authentication, [key]) = known([("", "ada", "chat")]);
    let app = app([], authentication).await;
    let routes = routes();
    assert!(routes.len() >= 7, "{routes:?}");

    for (method, path) in routes {
        let request = |credential: Option<&str>| {
            let mut request = Request::builder().method(&method).uri(&path);
            request = request.header("content-type", "application/json");
            if let Some(credential) = credential {
                request = request.header("authorization", credential);
            }
            request
                .body(Body::from(json!({ "type": "threads.list", "params": {} }).to_string()))
                .unwrap()
        };
        let wrong = key.replace('_', "_0");
        let strange = [Some(format!("Bearer {wrong}")), Some("Basic YTpi".to_owned()), None];
        for credential in strange {
            let answer = app.send(request(credential.as_deref())).await;
            let is_open = OPEN.contains(&path.as_str());
            let is_fine = answer.status == 200 || answer.status == 401 && path == "/health";
            // A link opens it, and there is none: `mcp::caller_sign_in` has some.
            let is_closed = if path.starts_with("/sign-in/") { 404 } else { 401 };
            let is_right = if is_open { is_fine } else { answer.status == is_closed };
            assert!(is_right, "{path} {answer:?}");
            assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
        }
        let welcome = app.send(request(Some(&format!("bearer {key}")))).await;
        let status = if path.starts_with("/sign-") { 404 } else { 200 };
        assert_eq!(welcome.status, status, "{path} {welcome:?}");
    }
}

#[tokio::test]
async fn health_has_details_for_those_who_operate_the_server() {
    let (authentication, [ada, ops]) = known([("", "ada", "chat"), ("", "ops", "operate")]);
    let app = app([], authentication).await;
    let health = || Request::get("/health").body(Body::empty()).unwrap();

    let nobody = app.send(health()).await.json();
    let caller = app.send(with_key(health(), &ada)).await.json();
    let operator = app.send(with_key(health(), &ops)).await.json();
    let chats = app.send(with_key(json_request("/chat", &json!({ "message": "hi" })), &ops)).await;

    assert_eq!(nobody, json!({ "status": "ok" }));
    assert_eq!(caller, nobody);
    assert!(operator["breakers"].is_object() && operator["uptime_seconds"].is_u64());
    assert_eq!((chats.status.as_u16(), chats.json()["code"].as_str()), (403, Some("not_allowed")));
}

#[tokio::test]
async fn a_wrong_key_is_refused_even_where_everybody_may_come_in() {
    let (known, [ada]) = known([("", "ada", "chat")]);
    let anonymous = Some(Caller::new(Owner::anyone(), &[Scope::Chat]));
    let app = app([says("One."), says("Two.")], Authentication { anonymous, ..known }).await;
    let hello = || json_request("/chat", &json!({ "message": "hi" }));

    let nobody = app.send(hello()).await;
    let wrong = app.send(with_key(hello(), "ork_000000000000_00")).await;
    let right = app.send(with_key(hello(), &ada)).await;
    let health = app.get("/health").await.json();

    assert_eq!([nobody.status, wrong.status, right.status].map(|it| it.as_u16()), [200, 401, 200]);
    assert_eq!(wrong.json()["code"], "wrong_credential");
    assert_eq!(health, json!({ "status": "ok" }), "no details for everybody");
}

/// Every request of the protocol that names a thread, and the short form.
fn requests(thread: &str, item: &str) -> Vec<(&'static str, Value)> {
    let chatkit = |kind: &str, more: Value| {
        let mut params = json!({ "thread_id": thread });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("/chatkit", json!({ "type": kind, "params": params }))
    };
    let answers = json!({ "status": "skipped", "answers": {} });
    vec![
        ("/chatkit", add(thread, "and?")),
        ("/chat", add(thread, "and?")),
        ("/chat", json!({ "message": "and?", "thread_id": thread })),
        chatkit("threads.retry_after_item", json!({ "item_id": item })),
        chatkit("threads.add_structured_input", json!({ "item_id": item, "input": answers })),
        chatkit("threads.get_by_id", json!({})),
        chatkit("threads.update", json!({ "title": "Stolen" })),
        chatkit("threads.delete", json!({})),
        chatkit("items.list", json!({})),
        chatkit("items.list", json!({ "after": item })),
        chatkit("items.feedback", json!({ "item_ids": [item], "kind": "negative" })),
        chatkit("threads.add_client_tool_output", json!({ "result": {} })),
        chatkit("threads.custom_action", json!({ "action": { "type": "x" } })),
        chatkit("threads.sync_custom_action", json!({ "action": { "type": "x" } })),
    ]
}

#[tokio::test]
async fn the_thread_of_somebody_else_is_like_one_that_does_not_exist() {
    let users = [("", "ada", "chat"), ("", "bob", "chat"), ("acme", "ada", "chat")];
    let (authentication, [ada, bob, acme]) = known(users);
    let app = app([says("Hello.")], authentication).await;
    let made = app.send(with_key(json_request("/chatkit", &create("secret")), &ada)).await;
    let (thread, item) = (made.thread_id(), made.events()[1]["item"]["id"].clone());
    let item = item.as_str().unwrap();
    let all = json!({ "type": "threads.get_by_id", "params": { "thread_id": thread } });
    let before = app.send(with_key(json_request("/chatkit", &all), &ada)).await.json();
    let nowhere = "thr_00000000000000000000000000000000";

    for key in [&bob, &acme] {
        let theirs = requests(&thread, item);
        for ((path, request), (_, unknown)) in theirs.into_iter().zip(requests(nowhere, item)) {
            let foreign = app.send(with_key(json_request(path, &request), key)).await;
            let unknown = app.send(with_key(json_request(path, &unknown), key)).await;
            assert_eq!(
                (foreign.status, &foreign.text),
                (unknown.status, &unknown.text),
                "{request}"
            );
            let is_refused = foreign.status == 404
                || request["type"].to_string().contains("tool")
                || request["type"].to_string().contains("action");
            assert!(is_refused && !foreign.text.contains("secret"), "{request} {foreign:?}");
        }
        let list = json!({ "type": "threads.list", "params": {} });
        let listed = app.send(with_key(json_request("/chatkit", &list), key)).await.json();
        assert_eq!(listed["data"], json!([]));
        let after = json!({ "type": "threads.list", "params": { "after": thread } });
        let listed = app.send(with_key(json_request("/chatkit", &after), key)).await;
        assert_eq!(listed.status, 404, "{listed:?}");
    }

    let after = app.send(with_key(json_request("/chatkit", &all), &ada)).await.json();
    assert_eq!(after, before);
}

#[tokio::test]
async fn whoever_names_a_foreign_thread_does_not_stand_in_its_queue() {
    let (authentication, [ada, bob]) = known([("", "ada", "chat"), ("", "bob", "chat")]);
    // Whoever stands behind a running turn looks whether the thread exists, and would hang here.
    let store =
        Arc::new(Faulty { store: memory().await, fails: Box::new(|_| false), hangs: "find" });
    let model = ScriptedModel::new([Act::Hang(Vec::new())]);
    let choices = Choices { model, store: Some(store), authentication, ..Choices::default() };
    let app = TestApp::new(choices).await;
    let running = app.open(with_key(json_request("/chatkit", &create("hi")), &ada)).await;
    let list = json!({ "type": "threads.list", "params": {} });
    let listed = app.send(with_key(json_request("/chatkit", &list), &ada)).await.json();
    let thread = listed["data"][0]["id"].as_str().unwrap().to_owned();

    let foreign = json_request("/chatkit", &add(&thread, "me too"));
    let answer = within("the answer to bob", app.send(with_key(foreign, &bob))).await;

    assert_eq!(answer.status, 404);
    drop(running);
    app.idle().await;
}

/// Keys of an issuer that cannot be reached.
fn unreachable_issuer() -> Authentication {
    let rules = TokenRules {
        issuer: None,
        audience: None,
        user_claim: "sub".to_owned(),
        tenant_claim: None,
    };
    let breaker = BreakerSettings { max_failures: 1, cool_down: Duration::from_mins(1) };
    let (min_delay, max_delay) = (Duration::from_millis(1), Duration::from_millis(1));
    let guard = GuardSettings { breaker, retries: 0, min_delay, max_delay, jitter: false };
    let url = KeysUrl("http://127.0.0.1:9/keys".parse().unwrap());
    let (timeout, outbound) = (Duration::from_secs(1), Outbound::default());
    let jwks = Jwks::new(JwksSettings { url, rules, timeout, guard, outbound });
    Authentication { ways: vec![jwks.unwrap()], anonymous: None }
}

#[tokio::test]
async fn while_tokens_cannot_be_checked_a_stream_says_so_as_an_event() {
    tokio::time::pause();
    let app = app([], unreachable_issuer()).await;
    let token = SigningKey::p256().token("k", &json!({}));
    let ask =
        async |path: &str, body: Value| app.send(with_key(json_request(path, &body), &token)).await;
    let params = json!({ "thread_id": "thr_1", "action": { "type": "x" } });

    for (path, streaming) in [
        ("/chatkit", create("hi")),
        ("/chat", create("hi")),
        ("/chatkit", json!({ "type": "threads.custom_action", "params": params })),
    ] {
        let answer = ask(path, streaming).await;
        assert_eq!((answer.status.as_u16(), answer.events().len()), (200, 1), "{answer:?}");
        assert_eq!(
            (&answer.events()[0]["type"], &answer.events()[0]["allow_retry"]),
            (&json!("error"), &json!(true))
        );
    }
    for (body, status) in [
        (json!({ "type": "threads.list", "params": {} }), 503),
        (json!({ "type": "threads.sync_custom_action", "params": params }), 422),
        (json!({ "type": "threads.create", "params": {} }), 422),
        (json!({ "type": "threads.nothing" }), 422),
    ] {
        assert_eq!(ask("/chatkit", body).await.status, status);
    }
    let health = Request::get("/health").body(Body::empty()).unwrap();
    assert_eq!(app.send(with_key(health, &token)).await.json(), json!({ "status": "ok" }));
    let short = ask("/chat", json!({ "message": "hi" })).await;
    assert_eq!((short.status.as_u16(), short.json()["code"].as_str()), (503, Some("cannot_check")));
    assert!(short.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn the_same_key_for_a_request_is_another_one_for_each_caller() {
    let (authentication, [ada, bob]) = known([("", "ada", "chat"), ("", "bob", "chat")]);
    let app = app([says("For Ada."), says("For Bob.")], authentication).await;
    let ask = async |key: &str| -> Answer {
        let mut request = json_request("/chat", &json!({ "message": "hi" }));
        request.headers_mut().insert("idempotency-key", "k-1".parse().unwrap());
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        app.send(with_key(request, key)).await
    };

    let answers = [ask(&ada).await, ask(&bob).await, ask(&ada).await, ask(&bob).await];

    let said = answers.each_ref().map(|answer| answer.json()["message"].clone());
    assert_eq!(said, ["For Ada.", "For Bob.", "For Ada.", "For Bob."]);
    let thread = |place: usize| answers[place].json()["thread_id"].clone();
    assert_eq!((thread(0), thread(1)), (thread(2), thread(3)));
    assert_ne!(thread(0), thread(1));
}

#[tokio::test]
async fn a_tool_is_called_for_the_caller_who_asked() {
    let (authentication, [key]) = known([("acme", "ada", "chat")]);
    let tools = FakeTools::new(&["add"]);
    let model = ScriptedModel::new([calls(&[("add", json!({}))]), says("Done.")]);
    let choices = Choices { model, tools: tools.clone(), authentication, ..Choices::default() };
    let app = TestApp::new(choices).await;

    app.send(with_key(json_request("/chatkit", &create("go")), &key)).await;

    assert_eq!(tools.callers(), [Owner::user("acme", "ada").unwrap()]);
}

#[tokio::test]
async fn only_our_own_names_are_answered_to() {
    let hosts = Hosts::Named(vec!["chat.example.com".to_owned()]);
    let app = TestApp::new(Choices { hosts, ..Choices::default() }).await;
    let asked = async |host: &str, path: &str| {
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        app.send(request).await
    };

    for host in [
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1:8000",
        "10.1.2.3",
        "[::1]:8000",
        "chat.Example.com",
        "chat.example.com.:443",
    ] {
        assert_eq!(asked(host, "/health/live").await.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "chat.example.com.evil",
        "127.0.0.1.evil",
        "[::1].evil",
        "",
        "1.2.3",
    ] {
        for path in ["/", "/health", "/models", "/nowhere"] {
            let refused = asked(host, path).await;
            assert_eq!(
                (refused.status.as_u16(), refused.json()["code"].as_str()),
                (421, Some("unknown_host")),
                "{host} {path}"
            );
            assert!(!refused.text.contains("evil"));
        }
    }
    let anything = TestApp::new(Choices { hosts: Hosts::Any, ..Choices::default() }).await;
    let request = Request::get("/health").header("host", "evil.example").body(Body::empty());
    assert_eq!(anything.send(request.unwrap()).await.status, 200);
}
