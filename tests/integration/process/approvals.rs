//! Approvals with the real program, its todo server and its database (ADR 38).

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::postgres;
use crate::support::process::{Running, ask};

async fn says(server: &Running, thread: &Value, words: &str) -> Value {
    ask(&server.url, &json!({ "message": words, "thread_id": thread })).await
}

/// A thread with a todo, whose deletion waits.
async fn waiting(server: &Running) -> Value {
    server.ready().await;
    ask(&server.url, &json!({ "message": "add milk" })).await;
    ask(&server.url, &json!({ "message": "delete milk" })).await
}

fn approve(told: &Value) -> Value {
    json!({ "thread_id": told["thread_id"], "approve": told["confirmation"]["id"] })
}

async fn todos(server: &Running) -> String {
    let listed = ask(&server.url, &json!({ "message": "what is on my list?" })).await;
    listed["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_deletion_waits_for_a_yes_and_a_no_leaves_the_todo_alone() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);

    let told = waiting(&server).await;
    let before = todos(&server).await;
    let left = says(&server, &told["thread_id"], "no").await;
    let after = todos(&server).await;
    let again = says(&server, &told["thread_id"], "delete milk").await;
    let gone = says(&server, &told["thread_id"], "yes").await;

    assert_eq!(told["outcome"], "awaiting_input", "{told:#}");
    let call = &told["confirmation"]["calls"][0];
    assert_eq!(call["tool"], "delete_todo");
    let question = call["question"].as_str().unwrap();
    assert!(question.contains(" of todo for \"Milk\", with id = \"t"), "{question}");
    assert!(before.contains("Milk"), "{before}");
    assert_eq!(left["message"], "I left “Milk” as it is.", "{left:#}");
    assert!(after.contains("Milk"), "{after}");
    assert_eq!(again["outcome"], "awaiting_input", "{again:#}");
    assert_eq!(gone["message"], "Deleted “Milk”.", "{gone:#}");
    assert_eq!(todos(&server).await, "You have no open todos.");
}

#[tokio::test]
async fn an_approval_counts_after_a_restart_and_only_once() {
    let data = TempDir::new().unwrap();
    let server = Running::start(&data, &[]);
    let told = waiting(&server).await;
    assert!(server.stop().0.success());

    let server = Running::start(&data, &[]);
    server.ready().await;
    let gone = ask(&server.url, &approve(&told)).await;
    assert!(server.stop().0.success());
    let server = Running::start(&data, &[]);
    server.ready().await;
    let again = ask(&server.url, &approve(&told)).await;

    assert_eq!(
        (&gone["message"], &gone["outcome"]),
        (&json!("Deleted “Milk”."), &json!("completed"))
    );
    assert_eq!(again["code"], "not_waiting", "{again:#}");
}

#[tokio::test]
async fn of_two_replicas_that_are_told_to_approve_at_once_one_makes_the_call() {
    let Some(url) = postgres::database().await else { return };
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let todos_at = format!("sqlite://{}/todos.db", first.path().display());
    let env = [("DATABASE_URL", url.as_str()), ("TODO_DATABASE_URL", todos_at.as_str())];
    let one = Running::start(&first, &env);
    let other = Running::start(&second, &env);
    other.ready().await;
    let told = waiting(&one).await;

    let body = approve(&told);
    let (here, there) = tokio::join!(ask(&one.url, &body), ask(&other.url, &body));

    let calls = [&here, &there].map(|it| it["tool_calls"].as_array().map_or(0, Vec::len));
    assert_eq!(calls.iter().sum::<usize>(), 1, "{here:#} {there:#}");
    let messages = [&here["message"], &there["message"]].map(ToString::to_string);
    assert!(messages.contains(&json!("Deleted “Milk”.").to_string()), "{messages:?}");
    assert_eq!(todos(&other).await, "You have no open todos.");
}
