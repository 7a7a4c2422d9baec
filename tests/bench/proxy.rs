//! The thinnest servers that could stand in our place: they put each piece of the model's text into
//! a frame of the chat. One keeps nothing; the other keeps what was asked before it asks, and what
//! was answered before it ends.

use std::path::Path;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures::{StreamExt, stream};
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlitePool, query};
use tokio::net::TcpListener;

/// Set in a copy of the benchmark that is to be this proxy.
pub(crate) const MODEL: &str = "BENCH_PROXY_TO";

/// Set in one that keeps texts, in this file.
pub(crate) const FILE: &str = "BENCH_PROXY_FILE";

/// Serves until it is ended.
pub(crate) async fn serve(model: String) {
    let (client, url) = (reqwest::Client::new(), format!("{model}/chat/completions"));
    let file = match std::env::var(FILE) {
        Ok(path) => Some(open(Path::new(&path)).await),
        Err(_) => None,
    };
    let pass = async move || {
        let kept = file.clone();
        keep(file.as_ref()).await;
        let answer = client.post(&url).body("{}").send().await.unwrap();
        let end = stream::once(async move { keep(kept.as_ref()).await });
        let mut rest = Vec::new();
        let frames =
            answer.bytes_stream().map(move |piece| piece.map(|piece| framed(&mut rest, &piece)));
        let body = Body::from_stream(frames.chain(end.filter_map(async |()| None)));
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    };
    let app = Router::new().route("/chat", post(pass)).route("/health/ready", get(|| async {}));
    let address = format!("127.0.0.1:{}", std::env::var("PORT").unwrap());
    let listener = TcpListener::bind(address).await.unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}

const BEFORE_TEXT: &[u8] = br#"data: {"type":"thread.item.updated","item_id":"msg_1","update":{"type":"assistant_message.content_part.text_delta","content_index":0,"delta":"#;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    content: &'a str,
}

/// The frames of all events that are whole by now; the others stay in `rest`.
fn framed(rest: &mut Vec<u8>, piece: &[u8]) -> Bytes {
    rest.extend_from_slice(piece);
    let mut frames = Vec::with_capacity(256);
    while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
        let event = rest.get(b"data: ".len()..end).unwrap_or_default();
        if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(event) {
            let [Choice { delta }] = chunk.choices;
            frames.extend_from_slice(BEFORE_TEXT);
            serde_json::to_writer(&mut frames, delta.content).unwrap();
            frames.extend_from_slice(b"}}\n\n");
        }
        rest.drain(..end + 2);
    }
    frames.into()
}

async fn open(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    query("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        .execute(&pool)
        .await
        .unwrap();
    pool
}

async fn keep(file: Option<&SqlitePool>) {
    if let Some(file) = file {
        let text = "Some words of an answer, ".repeat(20);
        query("INSERT INTO texts (text) VALUES (?)").bind(text).execute(file).await.unwrap();
    }
}
