//! Todos in SQLite or PostgreSQL: one set of statements for both.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row, query, query_scalar};
use tokio::time::timeout;

use super::dialect::Dialect;
use super::due::Due;
use super::fold::fold;
use super::query::Filter;
use super::refusal::Refusal;
use super::value::{Priority, Status, Todo};

/// More would make every list slow.
const MAX_TODOS: i64 = 10_000;
/// The longest that one call may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest that a probe waits; who probes waits no longer either.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Keeps todos.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pool: AnyPool,
    dialect: Dialect,
}

type Answer<T> = Result<T, sqlx::Error>;

impl Store {
    pub(super) const fn new(pool: AnyPool, dialect: Dialect) -> Self {
        Self { pool, dialect }
    }

    /// Whether todos can be read.
    pub(super) async fn is_well(&self) -> bool {
        let look = query("SELECT id FROM todos LIMIT 1").fetch_optional(&self.pool);
        matches!(timeout(PROBE_LIMIT, look).await, Ok(Ok(_)))
    }

    pub(super) async fn create(&self, todo: Todo) -> Result<Todo, Refusal> {
        let kept = within(self.try_create(&todo)).await.ok_or(Refusal::Unsaved)?;
        if kept { Ok(todo) } else { Err(Refusal::Full(MAX_TODOS)) }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Todo, Refusal> {
        let row = query("SELECT * FROM todos WHERE id = $1").bind(id).fetch_optional(&self.pool);
        let row =
            within(row).await.ok_or(Refusal::Unreadable)?.ok_or_else(|| Refusal::unknown_id(id))?;
        todo_of(&row).map_err(unreadable)
    }

    /// One page, and how many match on all pages.
    pub(super) async fn list(&self, filter: &Filter) -> Result<(Vec<Todo>, i64), Refusal> {
        let select = async {
            let total = filter.count().fetch_one(&self.pool).await?.try_get(0)?;
            let rows = filter.select(self.dialect).fetch_all(&self.pool).await?;
            Ok((rows.iter().map(todo_of).collect::<Answer<_>>()?, total))
        };
        within(select).await.ok_or(Refusal::Unreadable)
    }

    /// Changes a todo while nobody else can.
    pub(super) async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Result<Todo, Refusal> {
        let changed = within(self.try_change(id, change)).await.ok_or(Refusal::Unsaved)?;
        changed.ok_or_else(|| Refusal::unknown_id(id))
    }

    pub(super) async fn delete(&self, id: &str) -> Result<Todo, Refusal> {
        let row = query("DELETE FROM todos WHERE id = $1 RETURNING *").bind(id);
        let row = within(row.fetch_optional(&self.pool)).await.ok_or(Refusal::Unsaved)?;
        todo_of(&row.ok_or_else(|| Refusal::unknown_id(id))?).map_err(unreadable)
    }

    async fn try_create(&self, todo: &Todo) -> Answer<bool> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let count = query_scalar("SELECT COUNT(*) FROM todos").fetch_one(&mut *transaction);
        let count: i64 = count.await?;
        if count >= MAX_TODOS {
            return Ok(false);
        }
        save(INSERT, todo, &mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn try_change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Answer<Option<Todo>> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        // The update locks the row, so that no change between reading and writing is lost.
        let lock = "UPDATE todos SET updated_at = updated_at WHERE id = $1 RETURNING *";
        let row = query(lock).bind(id).fetch_optional(&mut *transaction).await?;
        let Some(row) = row else { return Ok(None) };
        let before = todo_of(&row)?;
        let (mut todo, now) = (before.clone(), now());
        change(&mut todo, now);
        if todo != before {
            todo.updated_at = now;
            save(UPDATE, &todo, &mut transaction).await?;
            transaction.commit().await?;
        }
        Ok(Some(todo))
    }
}

/// The time to the microsecond, which is what the databases keep.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

const INSERT: &str = "INSERT INTO todos (id, title, title_key, notes, status, priority, due, \
    due_key, tags, search, search_tags, created_at, updated_at, completed_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// A todo's creation is written again as it is, so that both statements take the same values.
const UPDATE: &str = "UPDATE todos SET title = $2, title_key = $3, notes = $4, status = $5, \
    priority = $6, due = $7, due_key = $8, tags = $9, search = $10, search_tags = $11, \
    created_at = $12, updated_at = $13, completed_at = $14 WHERE id = $1";

async fn save(sql: &'static str, todo: &Todo, connection: &mut AnyConnection) -> Answer<()> {
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
        .bind(format!("{title_key}\n{}\n{folded}", fold(notes.unwrap_or_default())))
        .bind(format!("\n{folded}\n"))
        .bind(todo.created_at.as_microsecond())
        .bind(todo.updated_at.as_microsecond())
        .bind(todo.completed_at.map(Timestamp::as_microsecond))
        .execute(connection)
        .await?;
    Ok(())
}

fn todo_of(row: &AnyRow) -> Answer<Todo> {
    let (status, due, tags): (String, Option<String>, String) =
        (row.try_get("status")?, row.try_get("due")?, row.try_get("tags")?);
    let completed_at: Option<i64> = row.try_get("completed_at")?;
    Ok(Todo {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        notes: row.try_get("notes")?,
        status: if status == Status::Done.as_str() { Status::Done } else { Status::Open },
        priority: Priority::of_rank(row.try_get("priority")?),
        due: due.as_deref().and_then(Due::parse),
        tags: serde_json::from_str(&tags).map_err(decode)?,
        created_at: time(row.try_get("created_at")?)?,
        updated_at: time(row.try_get("updated_at")?)?,
        completed_at: completed_at.map(time).transpose()?,
    })
}

fn time(microseconds: i64) -> Answer<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(decode)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// The answer, unless it fails or takes too long; why goes to the log alone.
async fn within<T>(work: impl Future<Output = Answer<T>>) -> Option<T> {
    match timeout(LIMIT, work).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "The database failed");
            None
        }
        Err(_) => {
            tracing::error!(limit_ms = 5_000, "The database did not answer in time");
            None
        }
    }
}

fn unreadable(error: sqlx::Error) -> Refusal {
    tracing::error!(error = &error as &dyn std::error::Error, "A stored todo cannot be read");
    Refusal::Unreadable
}
