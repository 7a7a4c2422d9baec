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
    let with = |kind: &str, params: Value| json!({ "type": kind, "params": params });
    let in_metadata =
        |metadata: Value| json!({ "type": "threads.list", "params": {}, "metadata": metadata });
    let message = |input: Value| with("threads.create", json!({ "input": input }));
    let part = |part: Value| {
        message(json!({ "content": [part], "attachments": [], "inference_options": {} }))
    };
    let table = [
        ("/chatkit", json!([]), "", "wrong_kind"),
        ("/chatkit", json!({}), "/type", "missing"),
        ("/chatkit", json!({ "type": 5 }), "/type", "wrong_kind"),
        ("/chatkit", json!({ "type": "geheim" }), "/type", "unknown_type"),
        ("/chatkit", with("attachments.create", json!({})), "/params/name", "missing"),
        ("/chatkit", with("threads.get_by_id", json!(null)), "/params", "wrong_kind"),
        ("/chatkit", with("threads.get_by_id", json!({})), "/params/thread_id", "missing"),
        (
            "/chatkit",
            with("threads.list", json!({ "order": "expected geheim" })),
            "/params/order",
            "wrong_kind",
        ),
        (
            "/chatkit",
            with("threads.list", json!({ "limit": "geheim" })),
            "/params/limit",
            "wrong_kind",
        ),
        ("/chatkit", with("threads.list", json!({ "limit": [] })), "/params/limit", "wrong_kind"),
        (
            "/chatkit",
            with("items.list", json!({ "thread_id": "t", "order": 5 })),
            "/params/order",
            "wrong_kind",
        ),
        (
            "/chatkit",
            with("threads.update", json!({ "thread_id": "t" })),
            "/params/title",
            "missing",
        ),
        ("/chatkit", in_metadata(json!(["geheim"])), "/metadata", "wrong_kind"),
        ("/chatkit", in_metadata(json!({ "time_zone": 5 })), "/metadata/time_zone", "wrong_kind"),
        ("/chatkit", message(json!([])), "/params/input", "wrong_kind"),
        ("/chatkit", message(json!({})), "/params/input/content", "missing"),
        ("/chatkit", part(json!("geheim")), "/params/input/content/0", "wrong_kind"),
        (
            "/chatkit",
            part(json!({ "type": "expected geheim" })),
            "/params/input/content/0/type",
            "wrong_kind",
        ),
        ("/chat", json!({}), "/message", "missing"),
        ("/chat", json!({ "message": ["geheim"] }), "/message", "wrong_kind"),
        ("/chat", json!({ "message": "hi", "thread": "geheim" }), "/thread", "unknown_field"),
        ("/chat", json!({ "message": "hi", "ein geheim!": 1 }), "", "unknown_field"),
    ];

    for (path, body, pointer, code) in table {
        let answer = app.post(path, &body).await;

        assert_eq!(answer.status, 422, "{body}");
        let errors = answer.json()["errors"].clone();
        let told = (&errors[0]["pointer"], &errors[0]["code"]);
        assert_eq!(told, (&json!(pointer), &json!(code)), "{body}: {}", answer.text);
        assert!(errors[0]["message"].as_str().unwrap().ends_with('.'), "{errors}");
        assert!(!answer.text.contains("geheim"), "{body}: {}", answer.text);
    }
}

/// Ids go into logs, keys and rows: whatever comes as one is checked by one rule in either form.
#[tokio::test]
async fn no_id_is_taken_that_is_long_or_not_plain() {
    let app = TestApp::scripted([]).await;
    let input = create("hi")["params"]["input"].clone();
    let answers = json!({ "status": "skipped", "answers": {} });
    let requests = |id: &str| {
        [
            ("threads.get_by_id", json!({ "thread_id": id }), "thread_id"),
            ("threads.list", json!({ "after": id }), "after"),
            ("items.list", json!({ "thread_id": id }), "thread_id"),
            ("items.list", json!({ "thread_id": "t", "after": id }), "after"),
            ("threads.update", json!({ "thread_id": id, "title": "T" }), "thread_id"),
            ("threads.delete", json!({ "thread_id": id }), "thread_id"),
            (
                "items.feedback",
                json!({ "thread_id": id, "item_ids": [], "kind": "positive" }),
                "thread_id",
            ),
            (
                "items.feedback",
                json!({ "thread_id": "t", "item_ids": [id], "kind": "positive" }),
                "item_ids/0",
            ),
            ("threads.add_user_message", json!({ "thread_id": id, "input": input }), "thread_id"),
            ("threads.retry_after_item", json!({ "thread_id": id, "item_id": "i" }), "thread_id"),
            ("threads.retry_after_item", json!({ "thread_id": "t", "item_id": id }), "item_id"),
            (
                "threads.add_structured_input",
                json!({ "thread_id": id, "item_id": "i", "input": answers }),
                "thread_id",
            ),
            (
                "threads.add_structured_input",
                json!({ "thread_id": "t", "item_id": id, "input": answers }),
                "item_id",
            ),
        ]
    };

    for id in ["", "a\u{0}b", "a b", "gehéim", "\u{202E}x", &"x".repeat(129), &"x".repeat(900_000)]
    {
        for (kind, params, at) in requests(id) {
            let answer = app.post("/chatkit", &json!({ "type": kind, "params": params })).await;
            assert_problem(&answer, 422, "wrong_form", kind);
            assert_eq!(answer.json()["errors"][0]["pointer"], json!(format!("/params/{at}")));
        }
        let short = app.post("/chat", &json!({ "message": "hi", "thread_id": id })).await;
        assert_problem(&short, 422, "wrong_form", "/chat");
        assert_eq!(short.json()["errors"][0]["pointer"], "/thread_id");
    }
    for (kind, params, _) in requests(&"~".repeat(128)) {
        let answer = app.post("/chatkit", &json!({ "type": kind, "params": params })).await;
        assert_eq!(answer.status, 404, "{kind}: {}", answer.text);
    }
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
