//! Writes the answers of the offline model, one file a scenario, for the fuzzer to begin with.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use demo::{EmulateSettings, Settings, answer, router, scenario_names};
use tower::ServiceExt;

use endless::LEFT_OUT;

#[path = "../support/endless.rs"]
mod endless;

fn main() {
    let folder =
        PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "corpus/read_answer".to_owned()));
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for name in scenario_names().into_iter().filter(|name| !LEFT_OUT.contains(name)) {
        if let Some(seed) = runtime.block_on(seed(name)) {
            std::fs::write(folder.join(name), seed).unwrap();
        }
    }
}

/// What the target expects: the content type, how to cut, and the bytes.
async fn seed(name: &str) -> Option<Vec<u8>> {
    let body = format!(
        r#"{{"model":"fake:{name}","messages":[{{"role":"user","content":"hi"}}],"stream":true}}"#
    );
    let request =
        Request::post("/v1beta/openai/chat/completions").header("authorization", "Bearer k");
    let server = router(Settings::emulate(answer, EmulateSettings::default()));
    let response = server.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap_or_default().to_owned();
    let kind = match kind.split(';').next() {
        Some("text/event-stream") => 0,
        Some("application/json") => 1,
        _ => 2,
    };
    let bytes = response.into_body().collect().await.ok()?.to_bytes();
    Some([&[kind, 7], &bytes[..]].concat())
}
