//! A server that no longer knows its session, in the middle of a call.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// How often the tool was called, and how often a session was opened.
type Seen = Arc<(AtomicUsize, AtomicUsize)>;

async fn answer(
    State(seen): State<Seen>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    let result = match asked["method"].as_str().unwrap_or_default() {
        "initialize" => {
            seen.1.fetch_add(1, Ordering::Relaxed);
            json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "forgetful", "version": "1" } })
        }
        "tools/list" => {
            json!({ "tools": [{ "name": "wipe", "inputSchema": { "type": "object" } }] })
        }
        "tools/call" => {
            assert!(headers.contains_key("mcp-session-id"));
            seen.0.fetch_add(1, Ordering::Relaxed);
            return StatusCode::NOT_FOUND.into_response();
        }
        "ping" => json!({}),
        _ if asked.get("id").is_none() => return StatusCode::ACCEPTED.into_response(),
        _ => {
            let error = json!({ "code": -32601, "message": "?" });
            return Json(json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error }))
                .into_response();
        }
    };
    let body = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
    ([("mcp-session-id", "s1")], Json(body)).into_response()
}

#[tokio::test]
async fn a_call_that_meets_a_lost_session_is_not_sent_again() {
    let seen = Seen::default();
    let app = axum::Router::new().route("/mcp", post(answer)).with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let transport = Transport::Http { url, headers: Vec::new() };
    let servers = started(settings(vec![trusted("one", transport)])).await;
    until_offered(&servers, "wipe").await;

    let told = call(&servers, "wipe", "{}").await;

    assert!(told.is_err(), "{told:?}");
    assert_eq!(seen.0.load(Ordering::Relaxed), 1, "the call was sent again");
    in_time(servers.shut_down()).await;
    serving.abort();
}
