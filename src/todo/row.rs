//! Conversion between a todo and its row, the same in SQLite and PostgreSQL.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row, query};

use super::attempt::DatabaseResult;
use super::due::Due;
use super::fold::fold;
use super::owner::TodoOwner;
use super::value::{Priority, Todo, TodoStatus};

pub(super) const INSERT: &str = "INSERT INTO todos (id, title, title_key, notes, status, priority, due, \
    due_key, tags, search, search_tags, created_at, updated_at, completed_at, owner, deleted_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

/// Writes `created_at` again unchanged, so that both statements take the same values.
pub(super) const UPDATE: &str = "UPDATE todos SET title = $2, title_key = $3, notes = $4, status = $5, \
    priority = $6, due = $7, due_key = $8, tags = $9, search = $10, search_tags = $11, \
    created_at = $12, updated_at = $13, completed_at = $14, deleted_at = $16 \
    WHERE id = $1 AND owner = $15";

pub(super) async fn save(
    sql: &'static str,
    owner: &TodoOwner,
    todo: &Todo,
    connection: &mut AnyConnection,
) -> DatabaseResult<()> {
    let tags = serde_json::to_string(&todo.tags).map_err(decode)?;
    let (title_key, folded) = (fold(&todo.title), fold(&todo.tags.join("\n")));
    let notes = todo.notes.as_deref();
    query(sql)
        .bind(todo.id.as_str())
        .bind(todo.title.as_str())
        .bind(title_key.as_str())
        .bind(notes)
        .bind(todo.status.as_str())
        .bind(todo.priority.rank())
        .bind(todo.due.map(|due| due.to_string()))
        .bind(todo.due.map(Due::key))
        .bind(tags)
        // The searched columns are folded here, because the databases fold only ASCII alike.
        .bind(format!("{title_key}\n{}\n{folded}", fold(notes.unwrap_or_default())))
        .bind(format!("\n{folded}\n"))
        .bind(todo.created_at.as_microsecond())
        .bind(todo.updated_at.as_microsecond())
        .bind(todo.completed_at.map(Timestamp::as_microsecond))
        .bind(owner.as_str())
        .bind(todo.deleted_at.map(Timestamp::as_microsecond))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) fn todo_of(row: &AnyRow) -> DatabaseResult<Todo> {
    let (status, due, tags): (String, Option<String>, String) =
        (row.try_get("status")?, row.try_get("due")?, row.try_get("tags")?);
    let (completed_at, deleted_at): (Option<i64>, Option<i64>) =
        (row.try_get("completed_at")?, row.try_get("deleted_at")?);
    Ok(Todo {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        notes: row.try_get("notes")?,
        status: if status == TodoStatus::Done.as_str() {
            TodoStatus::Done
        } else {
            TodoStatus::Open
        },
        priority: Priority::of_rank(row.try_get("priority")?),
        due: due.as_deref().and_then(|due| Due::parse(due).ok()),
        tags: serde_json::from_str(&tags).map_err(decode)?,
        created_at: time(row.try_get("created_at")?)?,
        updated_at: time(row.try_get("updated_at")?)?,
        completed_at: completed_at.map(time).transpose()?,
        deleted_at: deleted_at.map(time).transpose()?,
    })
}

fn time(microseconds: i64) -> DatabaseResult<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(decode)
}

/// The error for a stored value that cannot be read.
pub(super) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
