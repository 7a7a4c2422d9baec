//! Todos in SQLite or PostgreSQL, with one set of statements for both.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Any, AnyPool, Row, Transaction, query, query_scalar};
use tokio::time::timeout;

use super::attempt::{Attempt, DatabaseResult, read, write};
use super::calls;
use super::key::Key;
use super::query::Filter;
use super::refusal::Refusal;
use super::row::{INSERT, UPDATE, save, todo_of};
use super::sql_dialect::SqlDialect;
use super::value::{Saved, Todo, TodoView};

/// A limit, because a list scans all todos.
const MAX_TODOS: i64 = 10_000;
/// Limit of a health probe; callers of it wait no longer either.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) struct Store {
    pool: AnyPool,
    dialect: SqlDialect,
}

/// A change to make, or the result of an earlier call with the same key.
enum Begun {
    Now(Transaction<'static, Any>),
    Before(Saved),
}

impl Store {
    pub(super) const fn new(pool: AnyPool, dialect: SqlDialect) -> Self {
        Self { pool, dialect }
    }

    pub(super) async fn is_well(&self) -> bool {
        let look = query("SELECT id FROM todos LIMIT 1").fetch_optional(&self.pool);
        matches!(timeout(PROBE_LIMIT, look).await, Ok(Ok(_)))
    }

    pub(super) async fn create(&self, todo: Todo, key: Option<&Key>) -> Result<Saved, Refusal> {
        write(self.try_create(todo, key)).await
    }

    pub(super) async fn get(&self, id: &str) -> Result<Todo, Refusal> {
        let select = async {
            let row = query("SELECT * FROM todos WHERE id = $1").bind(id);
            row.fetch_optional(&self.pool).await?.as_ref().map(todo_of).transpose()
        };
        read(select).await?.ok_or_else(|| Refusal::unknown_id(id))
    }

    /// One page, and the number of matches on all pages.
    pub(super) async fn list(&self, filter: &Filter) -> Result<(Vec<Todo>, i64), Refusal> {
        let select = async {
            let total = filter.count().fetch_one(&self.pool).await?.try_get(0)?;
            let rows = filter.select(self.dialect).fetch_all(&self.pool).await?;
            Ok((rows.iter().map(todo_of).collect::<DatabaseResult<_>>()?, total))
        };
        read(select).await
    }

    /// Changes a todo under a lock.
    pub(super) async fn change(
        &self,
        id: &str,
        key: Option<&Key>,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Result<Saved, Refusal> {
        write(self.try_change(id, key, change)).await
    }

    pub(super) async fn delete(&self, id: &str, key: Option<&Key>) -> Result<Saved, Refusal> {
        write(self.try_delete(id, key)).await
    }

    async fn try_create(&self, todo: Todo, key: Option<&Key>) -> Attempt<Saved> {
        let mut transaction = match self.begin(key).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        let count = query_scalar("SELECT COUNT(*) FROM todos").fetch_one(&mut *transaction);
        let count: i64 = count.await?;
        if count >= MAX_TODOS {
            return Err(Refusal::Full(MAX_TODOS).into());
        }
        save(INSERT, &todo, &mut transaction).await?;
        finish(transaction, key, todo).await
    }

    async fn try_change(
        &self,
        id: &str,
        key: Option<&Key>,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Attempt<Saved> {
        let mut transaction = match self.begin(key).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        // This update locks the row, so that no other change is lost between reading and writing.
        // `SELECT … FOR UPDATE` does not exist in SQLite.
        let lock = "UPDATE todos SET updated_at = updated_at WHERE id = $1 RETURNING *";
        let row = query(lock).bind(id).fetch_optional(&mut *transaction).await?;
        let before = todo_of(&row.ok_or_else(|| Refusal::unknown_id(id))?)?;
        let (mut todo, now) = (before.clone(), now());
        change(&mut todo, now);
        if todo != before {
            todo.updated_at = now;
            save(UPDATE, &todo, &mut transaction).await?;
        }
        finish(transaction, key, todo).await
    }

    async fn try_delete(&self, id: &str, key: Option<&Key>) -> Attempt<Saved> {
        let mut transaction = match self.begin(key).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        let row = query("DELETE FROM todos WHERE id = $1 RETURNING *").bind(id);
        let row = row.fetch_optional(&mut *transaction).await?;
        let todo = todo_of(&row.ok_or_else(|| Refusal::unknown_id(id))?)?;
        finish(transaction, key, todo).await
    }

    /// Claims the key in the transaction of the effect: dropping it releases the key, so a refused
    /// call may be repeated (ADR 12).
    async fn begin(&self, key: Option<&Key>) -> Attempt<Begun> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let Some(key) = key else { return Ok(Begun::Now(transaction)) };
        if calls::claim(key, now(), self.dialect, &mut transaction).await? {
            return Ok(Begun::Now(transaction));
        }
        calls::recall(key, &mut transaction).await.map(Begun::Before)
    }
}

async fn finish(
    mut transaction: Transaction<'static, Any>,
    key: Option<&Key>,
    todo: Todo,
) -> Attempt<Saved> {
    let todo = TodoView::from(todo);
    if let Some(key) = key {
        calls::keep(key, &todo, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(Saved { todo, gone: None })
}

/// Cut to microseconds, as stored, so that an answer equals what is read later.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
