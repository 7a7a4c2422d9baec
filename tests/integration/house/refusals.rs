//! Everything that is refused before the first byte, and how.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use orchestrator::api::Origins;
use serde_json::{Value, json};

use crate::support::app::{Answer, Choices, TestApp, add, create, json_request};
use crate::support::doubles::{Act, ScriptedModel, says};

#[tokio::test]
async fn each_malformed_request_has_its_status_and_code() {
    let app = TestApp::scripted([]).await;
    let typed = |kind: &str, body: Vec<u8>| {
        Request::post("/chatkit").header("content-type", kind).body(Body::from(body)).unwrap()
    };
    let table: Vec<(Request<Body>, u16, &str)> = vec![
        (typed("application/json", b"{".to_vec()), 400, "not_json"),
        (typed("application/json", b"\"\xff\"".to_vec()), 400, "not_utf8"),
        (typed("text/plain", b"{}".to_vec()), 415, "not_json_type"),
        (typed("application/json", vec![b' '; 1024 * 1024 + 1]), 413, "too_large"),
        (typed("application/json", b"[]".to_vec()), 422, "wrong_form"),
        (typed("application/json", b"{}".to_vec()), 422, "wrong_form"),
        (json_request("/chatkit", &json!({ "type": "nonsense" })), 422, "unknown_type"),
        (json_request("/chatkit", &json!({ "type": "threads.create" })), 422, "wrong_form"),
        (json_request("/chatkit", &add("thr_nothing", "hi")), 404, "unknown_thread"),
        (json_request("/chat", &json!({ "message": 5 })), 422, "wrong_form"),
        (json_request("/nothing", &json!({})), 404, "unknown_path"),
        (Request::get("/chatkit").body(Body::empty()).unwrap(), 405, "wrong_method"),
        (Request::post("/health").body(Body::empty()).unwrap(), 405, "wrong_method"),
    ];

    for (request, status, code) in table {
        let what = format!("{} {}", request.method(), request.uri());
        assert_problem(&app.send(request).await, status, code, &what);
    }
}

#[tokio::test]
async fn a_broken_rule_is_a_422_in_the_short_form_with_a_pointer_and_no_value() {
    let app = TestApp::scripted([]).await;
    let table = [
        (json!({ "message": "" }), "/message", "blank"),
        (json!({ "message": " \u{0}\u{202E}\n" }), "/message", "blank"),
        (json!({ "message": "geheim".repeat(1_000) }), "/message", "too_long"),
        (json!({ "message": "hi", "time_zone": "Mars/Geheim" }), "/time_zone", "unknown_time_zone"),
    ];

    for (body, pointer, code) in table {
        let answer = app.post("/chat", &body).await;

        assert_problem(&answer, 422, "rules", pointer);
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors[0]["pointer"], json!(pointer));
        assert_eq!(errors[0]["code"], json!(code));
        assert!(!answer.text.to_lowercase().contains("geheim"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_broken_rule_is_one_error_event_in_the_chatkit_form_and_stores_nothing() {
    let app = TestApp::scripted([]).await;
    let mut with_file = create("hi");
    with_file["params"]["input"]["attachments"] = json!(["atc_1"]);
    let mut in_no_zone = create("hi");
    in_no_zone["metadata"] = json!({ "time_zone": "Nowhere" });

    for body in [create(""), create(&"x".repeat(5_001)), with_file, in_no_zone] {
        let answer = app.post("/chatkit", &body).await;

        assert_eq!(answer.status, 200);
        let events = answer.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["type"], "error");
        assert_eq!(events[0]["allow_retry"], json!(false));
    }
    let list = json!({ "type": "threads.list", "params": {} });
    assert_eq!(app.post("/chatkit", &list).await.json()["data"], json!([]));
}

#[tokio::test]
async fn five_thousand_characters_are_taken_and_one_more_is_not() {
    let app = TestApp::scripted([says("Long.")]).await;

    let most = app.post("/chat", &json!({ "message": "ß".repeat(5_000) })).await;
    let more = app.post("/chat", &json!({ "message": "ß".repeat(5_001) })).await;

    assert_eq!((most.status.as_u16(), more.status.as_u16()), (200, 422));
}

#[tokio::test]
async fn the_cleaned_text_is_echoed_stored_and_sent_and_nothing_else_is_changed() {
    let model = ScriptedModel::new([says("Ok.")]);
    let choices = Choices { model: model.clone(), ..Choices::default() };
    let app = TestApp::new(choices).await;

    let answer = app.create("  add\u{0} milk\u{202E}\r\n\t👍  ").await;

    let cleaned = "  add milk\r\n\t👍  ";
    assert_eq!(answer.events()[1]["item"]["content"][0]["text"], cleaned);
    assert_eq!(json!(model.asked()[0].messages[0])["text"], cleaned);
}

#[tokio::test]
async fn over_the_limit_of_turns_the_short_form_gets_429_and_chatkit_one_error_with_retry() {
    let model = ScriptedModel::new([Act::Hang(Vec::new())]);
    let app = TestApp::new(Choices { model, max_turns: 1, ..Choices::default() }).await;
    let held = app.open(json_request("/chatkit", &create("hold on"))).await;

    let short = app.post("/chat", &json!({ "message": "hi" })).await;
    let chatkit = app.post("/chatkit", &create("hi")).await;

    assert_problem(&short, 429, "busy", "the short form");
    assert!(short.headers.contains_key("retry-after"));
    assert_eq!(chatkit.status.as_u16(), 200);
    let [error] = &*chatkit.events() else { panic!("one event: {}", chatkit.text) };
    assert_eq!((&error["type"], &error["allow_retry"]), (&json!("error"), &json!(true)));
    drop(held);
}

#[tokio::test]
async fn an_open_model_breaker_is_a_503_in_the_short_form_and_an_event_in_chatkit() {
    let refuses = Some(Duration::from_millis(41_500));
    let error = orchestrator::agents::ModelError::Unavailable {
        reason: "breaker open".to_owned(),
        retry_in: refuses,
    };
    let script = crate::support::doubles::fails(error);
    let model = ScriptedModel::refusing([script], refuses);
    let app = TestApp::new(Choices { model, ..Choices::default() }).await;

    let short = app.post("/chat", &json!({ "message": "hi" })).await;
    let chatkit = app.create("hi").await;

    assert_problem(&short, 503, "model_down", "/chat");
    assert_eq!(short.headers["retry-after"], "42");
    assert_eq!(chatkit.status, 200);
    let event = chatkit.events().pop().unwrap();
    assert_eq!((&event["type"], &event["allow_retry"]), (&json!("error"), &json!(true)));
}

#[tokio::test]
async fn while_draining_no_turn_begins() {
    let app = TestApp::scripted([]).await;
    app.chat.drain(Duration::ZERO).await;

    let short = app.post("/chat", &json!({ "message": "hi" })).await;
    let chatkit = app.create("hi").await;

    assert_problem(&short, 503, "draining", "/chat");
    assert_eq!(chatkit.status, 200);
    assert_eq!(chatkit.events()[0]["type"], "error");
}

#[tokio::test]
async fn pages_of_this_machine_may_call_and_others_may_not() {
    let app = TestApp::scripted([]).await;

    for (origin, allowed) in [
        ("http://localhost:3000", true),
        ("http://127.0.0.1:8000", true),
        ("http://localhost", true),
        ("http://[::1]:3000", true),
        ("https://evil.example", false),
        ("http://localhost.evil.example:80", false),
        ("http://localhost:", false),
        ("https://localhost:3000", false),
        ("null", false),
    ] {
        let answer = app.send(preflight(origin)).await;
        let told = answer.headers.get("access-control-allow-origin");
        assert_eq!(told.is_some_and(|told| told == origin), allowed, "{origin}");
    }
}

#[tokio::test]
async fn the_preflight_names_the_headers_and_listed_origins_alone() {
    let origins = Origins::Exactly(vec!["https://app.example".to_owned()]);
    let app = TestApp::new(Choices { origins, ..Choices::default() }).await;

    let ours = app.send(preflight("https://app.example")).await;
    let local = app.send(preflight("http://localhost:3000")).await;

    let headers = ours.headers["access-control-allow-headers"].to_str().unwrap();
    for name in [
        "content-type",
        "authorization",
        "chatkit-frame-instance-id",
        "idempotency-key",
        "x-request-id",
    ] {
        assert!(headers.contains(name), "{headers}");
    }
    assert_eq!(ours.headers["access-control-max-age"], "7200");
    assert!(!local.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn listed_origins_may_call_besides_those_of_this_machine() {
    let origins = Origins::LoopbackAnd(vec!["https://app.example".to_owned()]);
    let app = TestApp::new(Choices { origins, ..Choices::default() }).await;

    for (origin, allowed) in
        [("https://app.example", true), ("http://localhost:1", true), ("https://b.example", false)]
    {
        let answer = app.send(preflight(origin)).await;
        assert_eq!(answer.headers.contains_key("access-control-allow-origin"), allowed, "{origin}");
    }
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_a_sane_one_is_kept() {
    let app = TestApp::scripted([]).await;
    let with_id = |id: &str| {
        Request::get("/health/live").header("x-request-id", id).body(Body::empty()).unwrap()
    };

    let kept = app.send(with_id("abc-1.2_3")).await;
    let made = app.send(with_id("no spaces, please")).await;

    assert_eq!(kept.headers["x-request-id"], "abc-1.2_3");
    assert_eq!(made.headers["x-request-id"].len(), 32);
}

fn preflight(origin: &str) -> Request<Body> {
    Request::options("/chatkit")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,chatkit-frame-instance-id")
        .body(Body::empty())
        .unwrap()
}

pub(super) fn assert_problem(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    let problem: Value = answer.json();
    assert_eq!(problem["code"], json!(code), "{what}");
    assert_eq!(problem["status"], json!(status), "{what}");
    assert_eq!(problem["message"], problem["detail"], "{what}");
    assert!(problem["title"].is_string() && problem["type"].is_string(), "{what}");
}
