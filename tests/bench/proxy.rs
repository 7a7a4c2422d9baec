//! The thinnest server that could stand in our place: passes the model's bytes on, and keeps nothing.

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

/// Set in a copy of the benchmark that is to be this proxy.
pub(crate) const MODEL: &str = "BENCH_PROXY_TO";

/// Serves until it is ended.
pub(crate) async fn serve(model: String) {
    let (client, url) = (reqwest::Client::new(), format!("{model}/chat/completions"));
    let pass = async move || {
        let answer = client.post(&url).body("{}").send().await.unwrap();
        let body = Body::from_stream(answer.bytes_stream());
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    };
    let app = Router::new().route("/chat", post(pass)).route("/health/ready", get(|| async {}));
    let address = format!("127.0.0.1:{}", std::env::var("PORT").unwrap());
    let listener = TcpListener::bind(address).await.unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}
