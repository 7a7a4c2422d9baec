//! The bundled todo server as a child, from the binary that people run.

use std::path::Path;

use orchestrator::domain::{Effect, Secret, Tool};
use serde_json::Value;

use super::*;

#[tokio::test]
async fn the_bundled_server_offers_its_tools_with_their_effects() {
    let folder = tempfile::tempdir().unwrap();

    let servers = started(settings(vec![todo(folder.path())])).await;

    let catalog = servers.catalog();
    let effect = |name: &str| catalog.find(name).map(Tool::effect);
    assert_eq!(catalog.tools.len(), 9);
    assert_eq!(effect("create_todo"), Some(Effect::Changes));
    assert_eq!(effect("list_todos"), Some(Effect::ReadOnly));
    assert_eq!(effect("get_todo"), Some(Effect::ReadOnly));
    assert_eq!(effect("complete_todo"), Some(Effect::Idempotent));
    assert_eq!(effect("update_todo"), Some(Effect::Idempotent));
    assert_eq!(effect("delete_todo"), Some(Effect::Changes));
    assert_eq!(effect("restore_todo"), Some(Effect::Changes));
    assert_eq!(effect("undo_change"), Some(Effect::Changes));
    assert_eq!(effect("list_changes"), Some(Effect::ReadOnly));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn todos_outlive_the_child_that_took_them() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(settings(vec![todo(folder.path())])).await;
    let made = call(&servers, "create_todo", r#"{"title":"Milk"}"#).await.unwrap();
    in_time(servers.shut_down()).await;

    let servers = started(settings(vec![todo(folder.path())])).await;

    let made: Value = serde_json::from_str(&made).unwrap();
    let listed = call(&servers, "list_todos", "{}").await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.pointer("/todos/0"), Some(&made));
    in_time(servers.shut_down()).await;
}

#[tokio::test]
async fn a_refusal_of_the_bundled_server_is_words_for_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let servers = started(settings(vec![todo(folder.path())])).await;

    let refusal = call(&servers, "get_todo", r#"{"id":"tabc"}"#).await.unwrap_err();

    let expected = "There is no todo with id tabc. Call list_todos to see the ids.";
    assert_eq!(refusal, ToolError::Refused(expected.into()));
    in_time(servers.shut_down()).await;
}

pub(super) fn todo(folder: &Path) -> ServerSettings {
    let database = format!("sqlite://{}/todos.db", folder.display());
    let transport = Transport::Child {
        command: env!("CARGO_BIN_EXE_orchestrator").to_owned(),
        args: vec!["todo".to_owned()],
        env: vec![("TODO_DATABASE_URL".to_owned(), Secret::new(database))],
        cwd: None,
    };
    ServerSettings { trust: Trust::Bundled, ..trusted("todo", transport) }
}
