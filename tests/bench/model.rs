//! A model of steady pace: a fixed number of chunks, a first wait, a wait between.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt;
use futures::stream;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::sleep;

/// Starts one and returns its base URL.
pub(crate) async fn start(chunks: u32, first: Duration, gap: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1beta/openai", listener.local_addr().unwrap());
    let answer = async move || {
        let body = stream::unfold(0, move |chunk| async move {
            match if chunk == 0 { first } else { gap } {
                // Even so short a sleep takes a millisecond.
                Duration::ZERO => yield_now().await,
                wait => sleep(wait).await,
            }
            (chunk <= chunks).then(|| (Ok::<_, std::io::Error>(piece(chunk, chunks)), chunk + 1))
        });
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
    };
    let app = Router::new().route("/v1beta/openai/chat/completions", post(answer));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn piece(chunk: u32, chunks: u32) -> Bytes {
    if chunk == chunks {
        return Bytes::from_static(b"data: [DONE]\n\n");
    }
    let finish = if chunk + 1 == chunks { r#""finish_reason":"stop","# } else { "" };
    Bytes::from(format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"Some words of an answer, \",\"role\":\"assistant\"}},{finish}\"index\":0}}],\"created\":1,\"model\":\"bench\",\"object\":\"chat.completion.chunk\"}}\n\n"
    ))
}
