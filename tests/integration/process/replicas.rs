//! Several copies of the program over one database.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::model_server::ModelServer;
use crate::support::process::{Running, ask};

#[tokio::test]
async fn signatures_come_back_unchanged_from_another_replica_and_after_a_restart() {
    let (data, model) = (TempDir::new().unwrap(), ModelServer::emulate().await);
    let env = [
        ("GEMINI_API_KEY", "key"),
        ("GEMINI_BASE_URL", &*model.base_url),
        ("GEMINI_MODEL", "gemini-3.5-flash-lite"),
    ];
    let [first, second] = [(); 2].map(|()| Running::start(&data, &env));
    let begun = json!({ "message": "call:list_todos{} please" });

    let thread = said(&first, &begun).await["thread_id"].clone();
    said(&second, &json!({ "message": "and now?", "thread_id": thread })).await;
    drop(first.stop());
    let restarted = Running::start(&data, &env);
    said(&restarted, &json!({ "message": "and then?", "thread_id": thread })).await;

    let signatures: Vec<_> = model.log().await.iter().filter_map(signature).collect();
    assert_eq!(signatures.len(), 3, "once in its turn, once from each other process");
    assert!(
        signatures.iter().all(|signature| *signature == signatures[0] && !signature.is_empty())
    );
}

async fn said(server: &Running, message: &Value) -> Value {
    server.ready().await;
    let answer = ask(&server.url, message).await;
    assert_eq!(answer["outcome"], "completed", "{answer}");
    answer
}

/// What a request says of the only call of the thread.
fn signature(request: &Value) -> Option<String> {
    let messages = request["body"]["messages"].as_array()?;
    let call = messages.iter().find_map(|message| message["tool_calls"].get(0))?;
    Some(call["extra_content"]["google"]["thought_signature"].as_str()?.to_owned())
}
