//! What is told of a request that has not the form of one.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::refusals::assert_problem;
use crate::support::app::{TestApp, create, json_request};
use crate::support::doubles::says;

#[tokio::test]
async fn a_refusal_of_the_form_names_the_place_and_never_the_value() {
    let app = TestApp::scripted([]).await;
    let chatkit = envelopes().into_iter().chain(params()).chain(messages());
    let chatkit = chatkit.map(|(body, told)| ("/chatkit", body, told));
    let short = short_forms().map(|(body, told)| ("/chat", body, told));

    for (path, body, told) in chatkit.chain(short) {
        let answer = app.post(path, &body).await;

        assert_eq!(answer.status, 422, "{body}");
        let error = answer.json()["errors"][0].clone();
        let place = format!("{} {}", text(&error["pointer"]), text(&error["code"]));
        assert_eq!(place, told, "{body}: {}", answer.text);
        assert!(text(&error["message"]).ends_with('.'), "{error}");
        let ours = ["enum ", "struct ", "UserContent"];
        assert!(!ours.iter().any(|name| answer.text.contains(name)), "{error}");
        assert!(!answer.text.contains("geheim"), "{body}: {}", answer.text);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn envelopes() -> [(Value, &'static str); 6] {
    let with =
        |metadata: Value| json!({ "type": "threads.list", "params": {}, "metadata": metadata });
    [
        (json!([]), " wrong_kind"),
        (json!({}), "/type missing"),
        (json!({ "type": 5 }), "/type wrong_kind"),
        (json!({ "type": "geheim" }), "/type unknown_type"),
        (with(json!(["geheim"])), "/metadata wrong_kind"),
        (with(json!({ "time_zone": 5 })), "/metadata/time_zone wrong_kind"),
    ]
}

fn params() -> [(Value, &'static str); 10] {
    let with = |kind: &str, params: Value| json!({ "type": kind, "params": params });
    let list = |params: Value| with("threads.list", params);
    let items = json!({ "thread_id": "t", "order": 5 });
    let file = |size: Value| json!({ "name": "a", "mime_type": "a", "size": size });
    let input = json!({ "content": [5], "attachments": [], "inference_options": {} });
    [
        (with("attachments.create", json!({})), "/params/name missing"),
        (with("attachments.create", file(json!(12.0))), "/type not_offered"),
        (with("threads.get_by_id", json!(null)), "/params wrong_kind"),
        (with("threads.get_by_id", json!({})), "/params/thread_id missing"),
        (with("threads.update", json!({ "thread_id": "t" })), "/params/title missing"),
        (with("items.list", items), "/params/order wrong_kind"),
        (list(json!({ "order": "expected geheim" })), "/params/order wrong_kind"),
        (list(json!({ "limit": "geheim" })), "/params/limit wrong_kind"),
        (list(json!({ "limit": [] })), "/params/limit wrong_kind"),
        (with("threads.create", json!({ "input": input })), "/params/input/content/0 wrong_kind"),
    ]
}

fn messages() -> [(Value, &'static str); 4] {
    let with = |input: Value| json!({ "type": "threads.create", "params": { "input": input } });
    let part = |part: Value| {
        with(json!({ "content": [part], "attachments": [], "inference_options": {} }))
    };
    let of_type = part(json!({ "type": "expected geheim" }));
    [
        (with(json!([])), "/params/input wrong_kind"),
        (with(json!({})), "/params/input/content missing"),
        (part(json!("geheim")), "/params/input/content/0 wrong_kind"),
        (of_type, "/params/input/content/0/type wrong_kind"),
    ]
}

fn short_forms() -> impl Iterator<Item = (Value, &'static str)> {
    [
        (json!({}), "/message missing"),
        (json!({ "message": ["geheim"] }), "/message wrong_kind"),
        (json!({ "message": "hi", "thread": "geheim" }), "/thread unknown_field"),
        (json!({ "message": "hi", "ein geheim!": 1 }), " unknown_field"),
    ]
    .into_iter()
}

/// Ids go into logs, keys and rows: whatever comes as one is checked by one rule in either form.
#[tokio::test]
async fn no_id_is_taken_that_is_long_or_not_plain() {
    let app = TestApp::scripted([]).await;
    let long = "x".repeat(900_000);
    for id in ["", "a\u{0}b", "a b", "gehéim", "\u{202E}x", &long[..129], &long] {
        for (kind, params, at) in with_id(id) {
            let answer = app.post("/chatkit", &json!({ "type": kind, "params": params })).await;
            assert_problem(&answer, 422, "wrong_form", kind);
            assert_eq!(answer.json()["errors"][0]["pointer"], json!(format!("/params/{at}")));
        }
        let short = app.post("/chat", &json!({ "message": "hi", "thread_id": id })).await;
        assert_problem(&short, 422, "wrong_form", "/chat");
        assert_eq!(short.json()["errors"][0]["pointer"], "/thread_id");
    }
    for (kind, params, _) in with_id(&"~".repeat(128)) {
        let answer = app.post("/chatkit", &json!({ "type": kind, "params": params })).await;
        assert_eq!(answer.status, 404, "{kind}: {}", answer.text);
    }
}

/// A request for each place of an id.
fn with_id(id: &str) -> Vec<(&'static str, Value, &'static str)> {
    let one = |name: &str| json!({ name: id });
    let two = |name: &str| json!({ "thread_id": "t", "item_id": "i", name: id });
    let with = |mut params: Value, name: &str, value: Value| {
        params[name] = value;
        params
    };
    let input = create("hi")["params"]["input"].clone();
    let answers = json!({ "status": "skipped", "answers": {} });
    let rated = json!({ "thread_id": "t", "item_ids": [id], "kind": "positive" });
    let (retry, answer) = ("threads.retry_after_item", "threads.add_structured_input");
    vec![
        ("threads.get_by_id", one("thread_id"), "thread_id"),
        ("threads.list", one("after"), "after"),
        ("items.list", one("thread_id"), "thread_id"),
        ("items.list", two("after"), "after"),
        ("threads.update", with(one("thread_id"), "title", json!("T")), "thread_id"),
        ("threads.delete", one("thread_id"), "thread_id"),
        ("items.feedback", rated, "item_ids/0"),
        ("threads.add_user_message", with(one("thread_id"), "input", input), "thread_id"),
        (retry, two("thread_id"), "thread_id"),
        (retry, two("item_id"), "item_id"),
        (answer, with(two("thread_id"), "input", answers.clone()), "thread_id"),
        (answer, with(two("item_id"), "input", answers), "item_id"),
    ]
}

#[tokio::test]
async fn every_refusal_of_the_kind_of_a_request_has_errors_with_pointers() {
    let app = TestApp::scripted([says("Hi.")]).await;
    let stream = app.create("hi").await;
    let (thread, answer) = (stream.thread_id(), stream.events().pop().unwrap());
    let retry = json!({ "type": "threads.retry_after_item",
        "params": { "thread_id": thread, "item_id": answer["item"]["id"] } });
    let upload = json!({ "type": "attachments.delete", "params": { "attachment_id": "a" } });
    let broken = |body: &'static str| {
        let request = Request::post("/chatkit").header("content-type", "application/json");
        request.body(Body::from(body)).unwrap()
    };

    for (request, pointer) in [
        (json_request("/chatkit", &retry), "/params/item_id"),
        (json_request("/chatkit", &upload), "/type"),
        (broken("{"), ""),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.json()["errors"][0]["pointer"], json!(pointer), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_unknown_type_is_told_with_the_types_that_there_are() {
    let app = TestApp::scripted([]).await;
    let of_type = |kind: &str| json!({ "type": kind });

    let told = app.post("/chatkit", &of_type("threads.lists")).await.json();

    let (_, types) = told["detail"].as_str().unwrap().rsplit_once(": ").unwrap();
    let types: Vec<_> = types.trim_end_matches('.').split(", ").collect();
    assert!(types.len() > 10, "{types:?}");
    for kind in types {
        let answer = app.post("/chatkit", &of_type(kind)).await.json();
        assert_ne!(answer["code"], "unknown_type", "{kind}");
    }
}
