//! What the database does when many write, when it hangs, and when it is gone.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use rmcp::transport::TokioChildProcess;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, Connection, Executor, query_scalar};
use todo::StartError;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::*;
use crate::support::postgres;
use crate::support::process::program;

on_every_database!(
    changes_of_different_fields_at_once_are_all_kept,
    many_makers_at_once_lose_nothing,
    completing_and_deleting_at_once_leaves_no_half,
);

/// The list in `todo::open` is written by hand.
#[tokio::test]
async fn every_file_of_a_migration_is_applied() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("todos.db").display());
    drop(TodoServer::open(&settings(&url)).await.unwrap());

    let mut database = AnyConnection::connect(&url).await.unwrap();
    let applied = "SELECT checksum FROM _todo_migrations ORDER BY version";
    let applied: Vec<Vec<u8>> = query_scalar(applied).fetch_all(&mut database).await.unwrap();

    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/todo/migrations");
    let files = Migrator::new(files).await.unwrap();
    let files: Vec<_> = files.iter().map(|file| file.checksum.to_vec()).collect();
    assert_eq!(applied, files);
}

async fn changes_of_different_fields_at_once_are_all_kept(desk: Desk) {
    for _ in 0..5 {
        let id = desk.id_of(title("Milk")).await;
        let changes = [
            json!({ "id": id, "title": "Oat milk" }),
            json!({ "id": id, "notes": "two" }),
            json!({ "id": id, "priority": "high" }),
            json!({ "id": id, "due": "2026-11-22" }),
            json!({ "id": id, "tags": ["shop"] }),
            json!({ "id": id, "status": "done" }),
        ];

        let answers = join_all(changes.map(|change| desk.call("update_todo", change))).await;

        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let kept = desk.call("get_todo", json!({ "id": id })).await.unwrap();
        let fields =
            ["title", "notes", "priority", "due", "tags", "status"].map(|name| &kept[name]);
        let expected = json!(["Oat milk", "two", "high", "2026-11-22", ["shop"], "done"]);
        assert_eq!(json!(fields), expected);
    }
}

async fn many_makers_at_once_lose_nothing(desk: Desk) {
    let names: Vec<_> = (10..60).map(|n| n.to_string()).collect();

    let made = join_all(names.iter().map(|name| desk.create(title(name)))).await;

    assert_eq!(made.len(), 50);
    assert_eq!(sorted(desk.titles(json!({ "limit": 100 })).await), names);
}

async fn completing_and_deleting_at_once_leaves_no_half(desk: Desk) {
    let id = json!({ "id": desk.id_of(title("Milk")).await });

    let (completed, deleted) =
        tokio::join!(desk.call("complete_todo", id.clone()), desk.call("delete_todo", id));

    assert!(deleted.is_ok());
    let gone = |refused: &String| refused.starts_with("There is no todo");
    assert!(completed.as_ref().err().is_none_or(gone), "{completed:?}");
    assert_eq!(desk.call("list_todos", json!({})).await.unwrap()["total"], 0);
}

#[tokio::test]
async fn a_file_held_by_another_process_is_told_in_time_and_used_again_later() {
    let desk = Desk::sqlite().await;

    hangs_and_recovers(&desk, "BEGIN EXCLUSIVE").await;
}

#[tokio::test]
async fn a_table_held_by_another_client_is_told_in_time_and_used_again_later() {
    let Some(url) = postgres::database().await else { return };
    let desk = Desk::open(&url).await;

    hangs_and_recovers(&desk, "BEGIN; LOCK TABLE todos IN ACCESS EXCLUSIVE MODE").await;
}

/// More calls than there are connections are held up; none may stay so afterwards.
async fn hangs_and_recovers(desk: &Desk, hold: &'static str) {
    let id = desk.id_of(title("Milk")).await;
    let mut other = AnyConnection::connect(&desk.url).await.unwrap();
    other.execute(hold).await.unwrap();

    // The calls give up while the database still means to serve them, which is the harder case.
    tokio::time::pause();
    let begun = Instant::now();
    let calls = (0..10).map(|n| desk.call("create_todo", title(&n.to_string())));
    let complete = desk.call("complete_todo", json!({ "id": id }));
    let (refused, complete) = tokio::join!(join_all(calls), complete);
    tokio::time::resume();

    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let told = "The todo database does not answer, so whether this was saved is unknown. \
                Check with list_todos before trying again.";
    assert!(refused.iter().all(|refused| refused.as_ref().unwrap_err() == told), "{refused:?}");
    assert_eq!(complete.unwrap_err(), told);
    other.execute("ROLLBACK").await.unwrap();
    let again = join_all((0..10).map(|n| desk.call("create_todo", title(&n.to_string())))).await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    other.execute("BEGIN").await.unwrap();
    other.execute("UPDATE todos SET notes = 'free'").await.unwrap();
    other.execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn todos_outlive_the_server() {
    let desk = Desk::sqlite().await;
    let made = desk.create(title("Milk")).await;

    let other = Desk::open(&desk.url).await;

    let listed = other.call("list_todos", json!({})).await.unwrap();
    assert_eq!(listed, json!({ "todos": [made], "total": 1 }));
}

#[tokio::test]
async fn memory_is_private_to_each_server() {
    let (one, other) = (Desk::open("memory").await, Desk::open("sqlite::memory:").await);
    one.create(title("Milk")).await;

    let seen = join_all((0..20).map(|_| one.titles(json!({})))).await;

    assert!(seen.iter().all(|titles| titles == &["Milk"]));
    assert_eq!(other.titles(json!({})).await, [""; 0]);
}

#[tokio::test]
async fn servers_that_start_at_once_share_a_fresh_file() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/todos.db", folder.path().display());

    start_at_once(&url).await;
}

#[tokio::test]
async fn servers_that_start_at_once_share_a_fresh_database() {
    let Some(url) = postgres::database().await else { return };

    start_at_once(&url).await;
}

async fn start_at_once(url: &str) {
    let settings = settings(url);

    let opened = join_all((0..6).map(|_| TodoServer::open(&settings))).await;

    let failed: Vec<_> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn processes_that_start_at_once_share_a_fresh_file() {
    let folder = TempDir::new().unwrap();
    let clients = join_all((0..4).map(|_| async {
        let mut command = Command::from(program(folder.path()));
        command.arg("todo");
        connect(TokioChildProcess::new(command).unwrap(), ProtocolVersion::V_2025_11_25).await
    }));

    for client in clients.await {
        answer(call(&client, "create_todo", title("Milk")).await).unwrap();
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_is_written_ahead() {
    let desk = Desk::sqlite().await;
    let pool = AnyPool::connect(&desk.url).await.unwrap();

    let mode: String = query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();

    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_told_without_its_url() {
    for url in ["sqlite:///proc/geheim/todos.db", "postgres://geheim:geheim@127.0.0.1:9/geheim"] {
        let started = timeout(Duration::from_secs(20), TodoServer::open(&settings(url))).await;

        let error = started.unwrap().unwrap_err();
        assert!(matches!(error, StartError::Folder(_) | StartError::Database(_)), "{error:?}");
        assert!(!error.to_string().contains("geheim"), "{error}");
        assert!(error.to_string().contains("TODO_DATABASE_URL"), "{error}");
    }
}
