//! A body at the door: an answer as documented, and never a fault of the server.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::super::app::TestApp;

/// What the contract allows for a body that nobody vouches for.
const REFUSALS: [u16; 5] = [400, 404, 409, 413, 422];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// The first byte chooses the path and the form of the answer; the rest is the body.
pub(crate) fn judge(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let path = if choice & 1 == 0 { "/chatkit" } else { "/chat" };
    let accept = if choice & 2 == 0 { "text/event-stream" } else { "application/json" };
    let request = Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, accept)
        .body(Body::from(body.to_vec()))
        .unwrap();
    let told = format!("{path} {}", body.escape_ascii());
    RUNTIME.block_on(async {
        // A house for each body: what one left behind would decide what becomes of the next.
        let app = TestApp::scripted([]).await;
        check(app.router.oneshot(request).await.unwrap(), &told).await;
    });
}

async fn check(response: Response<Body>, told: &str) {
    let (status, kind) = (response.status().as_u16(), kind(&response));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    match (status, &*kind) {
        (200, "text/event-stream") => check_stream(&body, told),
        (200, "application/json") => assert!(value(&body, told).is_object(), "{told}"),
        (status, "application/problem+json") if REFUSALS.contains(&status) => {
            check_problem(&value(&body, told), status, told);
        }
        other => panic!("{other:?} {told}"),
    }
}

fn kind(response: &Response<Body>) -> String {
    let kind = response.headers().get(header::CONTENT_TYPE).map(|it| it.to_str().unwrap());
    kind.unwrap_or_default().to_owned()
}

fn check_stream(body: &Bytes, told: &str) {
    let text = std::str::from_utf8(body).unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    // The model of this house never answers, so every turn ends with an error, and only there.
    let errors: Vec<_> = (1..).zip(&events).filter(|(_, it)| it["type"] == "error").collect();
    assert_eq!(errors.len(), 1, "{told}: {text}");
    assert_eq!(errors[0].0, events.len(), "{told}: {text}");
    assert!(text.ends_with("\n\n"), "{told}: {text}");
}

fn check_problem(problem: &Value, status: u16, told: &str) {
    assert_eq!(problem["status"], status, "{told}");
    assert!(problem["message"].as_str().is_some_and(|it| !it.trim().is_empty()), "{told}");
    if [400, 422].contains(&status) {
        let errors = problem["errors"].as_array().unwrap();
        assert!(!errors.is_empty(), "{told}: {problem}");
        assert!(errors.iter().all(|it| it["pointer"].is_string()), "{told}: {problem}");
    }
}

fn value(body: &Bytes, told: &str) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error} {told}"))
}
