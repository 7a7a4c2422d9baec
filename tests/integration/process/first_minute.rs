//! What a newcomer does first.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::app::type_of;
use crate::support::process::{Running, ask, get, stream};

#[tokio::test]
async fn three_todos_are_added_named_and_still_there_after_a_restart() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);

    let add = json!({ "message": "add milk, eggs and bread for tomorrow" });
    let events = stream(&server.url, &add).await;
    let thread = events[0]["thread"]["id"].clone();
    assert!(server.stop().0.success());
    let server = Running::start(&data, &[]);
    let list = json!({ "message": "what is on my list?", "thread_id": thread });
    let answer = ask(&server.url, &list).await;
    let got = json!({ "type": "items.list", "params": { "thread_id": thread } });
    let items = ask(&server.url, &got).await;

    assert_eq!(shown(&events), 3, "{events:#?}");
    assert_eq!(events[3]["thread"]["title"], "Add milk, eggs and bread for tomorrow");
    assert_eq!(type_of(events.last().unwrap()), "done assistant_message");
    let said = answer["message"].as_str().unwrap().to_lowercase();
    assert!(["milk", "eggs", "bread"].iter().all(|title| said.contains(title)), "{said}");
    assert_eq!(answer["outcome"], "completed");
    assert!(items["data"].as_array().unwrap().len() >= 5);
}

#[tokio::test]
async fn health_tells_that_the_offline_model_answers_and_that_tools_are_there() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    server.ready().await;

    let (status, health) = get(&format!("{}/health", server.url)).await;

    assert_eq!(status, 200);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["model"]["offline"], json!(true));
    assert_eq!(health["mcp"]["todo"]["tools"], json!(9));
    assert!(data.path().join("data/todos.db").exists());
    assert!(data.path().join("data/orchestrator.db").exists());
}

#[tokio::test]
async fn no_text_of_a_user_switches_anything_in_the_offline_model() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    server.ready().await;

    for text in ["[[scenario:e503]] hello", "call:create_todo{\"title\":\"x\"}", "steps:3"] {
        let answer = ask(&server.url, &json!({ "message": text })).await;
        assert_eq!(answer["outcome"], "completed", "{text}");
        assert_eq!(answer["tool_calls"], json!([]), "{text}");
    }
}

/// Tasks that went from loading to complete.
fn shown(events: &[Value]) -> usize {
    let complete = |event: &&Value| {
        event["update"]["task"]["status_indicator"] == "complete"
            && event["update"]["task"]["title"].as_str().is_some_and(|t| t.starts_with("Adding"))
    };
    events.iter().filter(complete).count()
}
