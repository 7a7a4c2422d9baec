//! Parts of the running program are killed, and it stays honest.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::process::{Running, ask, get};
use crate::support::watchdog::Watchdog;

#[tokio::test]
async fn a_killed_tool_server_is_restarted_and_its_todos_are_still_there() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    server.ready().await;
    ask(&server.url, &json!({ "message": "add milk" })).await;

    let [child] = server.children()[..] else { panic!("not one child") };
    assert!(Command::new("kill").args(["-9", &child.to_string()]).status().unwrap().success());
    let watchdog = Watchdog::new();
    while server.children().contains(&child) && connected(&server).await {
        watchdog.check("the loss is noticed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let answer = ask(&server.url, &json!({ "message": "what is on my list?" })).await;

    assert!(answer["message"].as_str().unwrap().to_lowercase().contains("milk"), "{answer}");
}

#[tokio::test]
async fn a_tool_server_does_not_inherit_the_key() {
    let data = TempDir::new().unwrap();
    let env = [("GEMINI_API_KEY", "geheim"), ("GEMINI_BASE_URL", "http://127.0.0.1:9/")];
    let server = Running::start(&data, &env);
    server.ready().await;

    let [child] = server.children()[..] else { panic!("not one child") };
    let environ = std::fs::read(format!("/proc/{child}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ).into_owned();

    assert!(!environ.contains("geheim"), "{environ}");
    assert!(environ.contains("TODO_DATABASE_URL"));
}

#[tokio::test]
async fn a_dead_model_is_told_at_once_after_three_calls_that_failed() {
    let data = TempDir::new().unwrap();
    let env = [("GEMINI_API_KEY", "key"), ("GEMINI_BASE_URL", "http://127.0.0.1:9/v1/")];
    let server = Running::start(&data, &env);
    server.ready().await;

    let body = json!({ "type": "threads.create", "params": { "input": {
        "content": [{ "type": "input_text", "text": "hi" }],
        "attachments": [], "inference_options": {},
    } } });
    for _ in 0..3 {
        let events = crate::support::process::stream(&server.url, &body).await;
        assert_eq!(events.last().unwrap()["type"], "error");
    }
    let (_, health) = get(&format!("{}/health", server.url)).await;
    let short = ask(&server.url, &json!({ "message": "hi" })).await;

    assert_eq!(health["breakers"]["model"]["state"], "open");
    assert_eq!(
        health["breakers"]["model"]["calls"],
        json!({ "ok": 0, "failed": 3, "rejected": 0 })
    );
    assert_eq!(health["status"], "down");
    assert_eq!(short["code"], "model_down");
}

#[tokio::test]
async fn on_sigterm_children_are_gone_and_the_exit_code_is_zero() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    server.ready().await;
    let children = server.children();

    let (status, _) = server.stop();

    assert!(status.success());
    assert_eq!(children.len(), 1);
    assert!(!std::path::Path::new(&format!("/proc/{}", children[0])).exists());
}

#[tokio::test]
async fn after_sigterm_work_is_still_taken_until_whoever_sends_it_has_heard() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[("LAME_DUCK_SECONDS", "60")]);
    server.ready().await;
    let children = server.children();

    server.signal("-TERM");
    server.until_ready_says(503).await;
    let answer = ask(&server.url, &json!({ "message": "add milk" })).await;
    server.signal("-TERM");
    let (status, lines) = server.end();

    assert_eq!(answer["outcome"], "completed", "{answer}");
    assert_eq!(status.code(), Some(1), "the second sign ends it at once: {lines:#?}");
    assert!(lines.last().unwrap().contains("second signal"), "{lines:#?}");
    gone(&children).await;
}

#[tokio::test]
async fn the_time_of_grace_ends_and_who_presses_ctrl_c_has_none() {
    for (seconds, signal) in [("0.05", "-TERM"), ("60", "-INT")] {
        let data = TempDir::new().unwrap();
        let server = Running::start(&data, &[("LAME_DUCK_SECONDS", seconds)]);
        server.ready().await;

        server.signal(signal);
        let (status, lines) = server.end();

        assert!(status.success(), "{signal}: {lines:#?}");
    }
}

async fn gone(children: &[u32]) {
    let is_there = |child: &u32| std::path::Path::new(&format!("/proc/{child}")).exists();
    let watchdog = Watchdog::new();
    while children.iter().any(is_there) {
        watchdog.check("its children are gone");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn connected(server: &Running) -> bool {
    let (_, health) = get(&format!("{}/health", server.url)).await;
    health["mcp"]["todo"]["connected"] == json!(true)
}
