//! A database of the version before, and one whose tables take long.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tokio::time::timeout;

use super::*;
use crate::support::postgres;

/// The last migration without owners.
const BEFORE: i64 = 2;

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

const TODOS: &str = "INSERT INTO todos (id, title, title_key, status, priority, tags, search, \
    search_tags, created_at, updated_at) \
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ROWS) \
    SELECT 'x' || n, 'Milk', 'milk', 'open', 1, '[]', 'milk', '', n, n FROM counted";

/// With the digest of `{"id":"x7"}`.
const KEYED_CALLS: &str = "INSERT INTO keyed_calls (key, tool, arguments, todo_id, todo, made_at) \
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ROWS) \
    SELECT 'k' || n, 'complete_todo', \
    'd292142538f66eac7e622b78dcb589b0a5d410dba54f27b00db81b5148b7eb69', 'x' || n, '{}', NOW FROM counted";

#[tokio::test]
async fn what_was_there_before_belongs_to_anyone_in_a_file() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/todos.db?mode=rwc", folder.path().display());

    belongs_to_anyone(&url, 100_000).await;
}

#[tokio::test]
async fn what_was_there_before_belongs_to_anyone_on_postgresql() {
    let Some(url) = postgres::database().await else { return };

    belongs_to_anyone(&url, 100_000).await;
}

async fn belongs_to_anyone(url: &str, rows: u32) {
    fill(url, rows).await;

    let desk = Desk::open(url.trim_end_matches("?mode=rwc")).await;

    let page = desk.once_prepared("list_todos", json!({ "limit": 1 })).await.unwrap();
    assert_eq!((&page["total"], &page["todos"][0]["id"]), (&json!(rows), &json!("x1")));
    let meta = json!({ "orchestrator/owner": "/ada" });
    let page = answer(call_with(&desk.client, "list_todos", json!({}), meta).await).unwrap();
    assert_eq!(page["total"], 0);
    let (key, id) = (json!({ "orchestrator/idempotency-key": "k7" }), json!({ "id": "x7" }));
    let again = call_with(&desk.client, "complete_todo", id, key).await;
    assert_eq!(answer(again).unwrap()["status"], "open", "it was repeated, not done again");
}

/// Whoever started the server gives up on one that does not answer, and starts it again.
#[tokio::test]
async fn while_a_file_is_prepared_calls_are_refused_and_work_afterwards() {
    let desk = Desk::sqlite().await;
    let mut other = AnyConnection::connect(&desk.url).await.unwrap();
    other.execute("DELETE FROM _todo_migrations WHERE version > 2").await.unwrap();
    for undo in [
        "DROP INDEX todos_by_owner",
        "DROP TABLE todo_changes",
        "DROP TABLE todo_owners",
        "ALTER TABLE todos DROP COLUMN deleted_at",
        "ALTER TABLE todos DROP COLUMN owner",
    ] {
        other.execute(undo).await.unwrap();
    }
    other.execute("CREATE INDEX todos_by_time ON todos (created_at)").await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    are_refused_meanwhile(&desk.url, other).await;
}

#[tokio::test]
async fn while_a_database_is_prepared_calls_are_refused_and_work_afterwards() {
    let Some(url) = postgres::database().await else { return };
    fill(&url, 1).await;
    let mut other = AnyConnection::connect(&url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE todos IN ACCESS SHARE MODE").await.unwrap();

    are_refused_meanwhile(&url, other).await;
}

async fn are_refused_meanwhile(url: &str, mut holder: AnyConnection) {
    let desk = timeout(PATIENCE, Desk::open(url)).await.unwrap();

    let told = "The todo database is being prepared. Nothing was done. Try again in a minute.";
    for (tool, arguments) in [("create_todo", title("Milk")), ("list_todos", json!({}))] {
        assert_eq!(desk.call(tool, arguments).await.unwrap_err(), told);
    }
    holder.execute("ROLLBACK").await.unwrap();
    desk.once_prepared("create_todo", title("Milk")).await.unwrap();
}

impl Desk {
    async fn once_prepared(&self, tool: &'static str, arguments: Value) -> Result<Value, String> {
        let answered = async {
            loop {
                let answer = self.call(tool, arguments.clone()).await;
                let is_early = |told: &String| told.contains("is being prepared");
                if !answer.as_ref().is_err_and(is_early) {
                    return answer;
                }
            }
        };
        timeout(PATIENCE, answered).await.unwrap()
    }
}

/// The tables of the version before, and as many rows of each.
async fn fill(url: &str, rows: u32) {
    sqlx::any::install_default_drivers();
    let mut database = AnyConnection::connect(url).await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/todo/migrations");
    let mut before = Migrator::new(folder).await.unwrap();
    let earlier = before.migrations.iter().filter(|one| one.version <= BEFORE);
    before.migrations = Cow::Owned(earlier.cloned().collect());
    before.dangerous_set_table_name("_todo_migrations");
    before.run_direct(None, &mut database, false).await.unwrap();
    let now = jiff::Timestamp::now().as_microsecond().to_string();
    for filling in [TODOS, KEYED_CALLS] {
        let filling = filling.replace("ROWS", &rows.to_string()).replace("NOW", &now);
        database.execute(AssertSqlSafe(filling)).await.unwrap();
    }
}
