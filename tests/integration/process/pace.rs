//! How pieces of text come out, against how the model sends them.

use serde_json::json;
use tempfile::TempDir;

use crate::support::app::create;
use crate::support::process::Running;
use crate::support::scripted_http::{Answer, ScriptedHttp, Then};

const PIECES: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_sends_in_one_go_goes_out_together() {
    let model = ScriptedHttp::start(vec![in_one_go()]).await;
    let data = TempDir::new().unwrap();
    let env = [("GEMINI_API_KEY", "k"), ("GEMINI_BASE_URL", &*model.base_url)];
    let server = Running::start(&data, &env);
    server.ready().await;

    // A machine that is busy with other tests may part some of them.
    let mut fewest = PIECES;
    for _ in 0..5 {
        let asked = reqwest::Client::new().post(format!("{}/chat", server.url));
        let answer = asked.json(&create("hi")).send().await.unwrap().text().await.unwrap();
        assert_eq!(answer.matches("word ").count() % PIECES, 0, "{answer}");
        fewest = fewest.min(answer.matches("text_delta").count());
    }

    assert!(fewest <= PIECES / 8, "{fewest} frames for {PIECES} pieces");
}

/// Each piece of text in a piece of the body of its own, and all of them in one write.
fn in_one_go() -> Answer {
    let piece = |finish: Option<&str>| {
        let delta = json!({ "role": "assistant", "content": "word " });
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        format!("data: {}\n\n", json!({ "model": "m", "choices": [choice] }))
    };
    let mut events = vec![piece(None); PIECES - 1];
    events.extend([piece(Some("stop")), "data: [DONE]\n\n".to_owned()]);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\n\r\n";
    let chunks = events.iter().map(|event| format!("{:x}\r\n{event}\r\n", event.len()));
    let chunks: String = chunks.collect();
    Answer::raw([head, &*chunks, "0\r\n\r\n"].concat(), Then::KeepOpen)
}
