//! The routes with which a test queues answers and reads the log.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Body};
use serde_json::{Value, json};

use super::chat::Emulation;
use super::script::PostedEntry;

/// Bytes of a script at most.
const MAX_SCRIPT: usize = 8 << 20;

/// `GET /_fake/log?test=ID`
pub(super) async fn log(State(emulation): State<Arc<Emulation>>, uri: Uri) -> Json<Value> {
    Json(emulation.log.read(test(&uri)))
}

/// `POST /_fake/script`
pub(super) async fn script(State(emulation): State<Arc<Emulation>>, request: Request) -> Response {
    let lined = match entries(request.into_body()).await {
        Ok(entries) => emulation.script.add(entries).map_err(|error| error.to_string()),
        Err(message) => Err(message),
    };
    match lined {
        Ok(lined) => Json(json!({ "lined_up": lined })).into_response(),
        Err(message) => {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
        }
    }
}

/// `POST /_fake/reset?test=ID`
pub(super) async fn reset(State(emulation): State<Arc<Emulation>>, uri: Uri) -> Json<Value> {
    let test = test(&uri);
    emulation.script.clear(test);
    emulation.log.clear(test);
    emulation.sequences.clear(test);
    if test.is_none() {
        emulation.quotas.clear();
    }
    Json(json!({}))
}

async fn entries(body: Body) -> Result<Vec<PostedEntry>, String> {
    let bytes = to_bytes(body, MAX_SCRIPT).await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn test(uri: &Uri) -> Option<&str> {
    let pairs = uri.query()?.split('&');
    pairs.filter_map(|pair| pair.strip_prefix("test=")).find(|test| !test.is_empty())
}
