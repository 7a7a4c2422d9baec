//! Todos in SQLite or PostgreSQL, with one set of statements for both.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Any, AnyPool, Row, Transaction, query, query_scalar};
use tokio::time::timeout;

use super::attempt::{self, Attempt, DatabaseResult};
use super::calls;
use super::key::Author;
use super::owner::TodoOwner;
use super::preparation::Preparation;
use super::query::Filter;
use super::refusal::Refusal;
use super::row::{INSERT, UPDATE, save, todo_of};
use super::sql_dialect::SqlDialect;
use super::value::{Saved, Todo, TodoView};

/// A limit for each owner, because a list scans all their todos.
const MAX_TODOS: i64 = 10_000;
/// Limit of a health probe; callers of it wait no longer either.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(super) struct Store {
    pool: AnyPool,
    dialect: SqlDialect,
    preparation: Preparation,
}

/// A change to make, or the result of an earlier call with the same key.
enum Begun {
    Now(Transaction<'static, Any>),
    Before(Saved),
}

impl Store {
    pub(super) const fn new(pool: AnyPool, dialect: SqlDialect, preparation: Preparation) -> Self {
        Self { pool, dialect, preparation }
    }

    pub(super) async fn is_well(&self) -> bool {
        let look = query("SELECT id FROM todos LIMIT 1").fetch_optional(&self.pool);
        self.preparation.check().is_ok() && matches!(timeout(PROBE_LIMIT, look).await, Ok(Ok(_)))
    }

    pub(super) async fn create(&self, author: &Author, todo: Todo) -> Result<Saved, Refusal> {
        self.write(self.try_create(author, todo)).await
    }

    /// A todo of somebody else is not found, as one that does not exist.
    pub(super) async fn get(&self, owner: &TodoOwner, id: &str) -> Result<Todo, Refusal> {
        let select = async {
            let row = query("SELECT * FROM todos WHERE id = $1 AND owner = $2");
            let row = row.bind(id).bind(owner.as_str());
            row.fetch_optional(&self.pool).await?.as_ref().map(todo_of).transpose()
        };
        self.read(select).await?.ok_or_else(|| Refusal::unknown_id(id))
    }

    /// One page, and the number of matches on all pages.
    pub(super) async fn list(
        &self,
        owner: &TodoOwner,
        filter: &Filter,
    ) -> Result<(Vec<Todo>, i64), Refusal> {
        let select = async {
            let total = filter.count(owner).fetch_one(&self.pool).await?.try_get(0)?;
            let rows = filter.select(owner, self.dialect).fetch_all(&self.pool).await?;
            Ok((rows.iter().map(todo_of).collect::<DatabaseResult<_>>()?, total))
        };
        self.read(select).await
    }

    /// Changes a todo under a lock.
    pub(super) async fn change(
        &self,
        author: &Author,
        id: &str,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Result<Saved, Refusal> {
        self.write(self.try_change(author, id, change)).await
    }

    pub(super) async fn delete(&self, author: &Author, id: &str) -> Result<Saved, Refusal> {
        self.write(self.try_delete(author, id)).await
    }

    async fn read<T>(&self, work: impl Future<Output = DatabaseResult<T>>) -> Result<T, Refusal> {
        self.preparation.check()?;
        attempt::read(work).await
    }

    async fn write<T>(&self, work: impl Future<Output = Attempt<T>>) -> Result<T, Refusal> {
        self.preparation.check()?;
        attempt::write(work).await
    }

    async fn try_create(&self, author: &Author, todo: Todo) -> Attempt<Saved> {
        let mut transaction = match self.begin(author).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        let count = query_scalar("SELECT COUNT(*) FROM todos WHERE owner = $1");
        let count = count.bind(author.owner.as_str());
        let count: i64 = count.fetch_one(&mut *transaction).await?;
        if count >= MAX_TODOS {
            return Err(Refusal::Full(MAX_TODOS).into());
        }
        save(INSERT, &author.owner, &todo, &mut transaction).await?;
        finish(transaction, author, todo).await
    }

    async fn try_change(
        &self,
        author: &Author,
        id: &str,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Attempt<Saved> {
        let mut transaction = match self.begin(author).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        // This update locks the row, so that no other change is lost between reading and writing.
        // `SELECT … FOR UPDATE` does not exist in SQLite.
        let lock = "UPDATE todos SET updated_at = updated_at \
            WHERE id = $1 AND owner = $2 RETURNING *";
        let row = query(lock)
            .bind(id)
            .bind(author.owner.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let before = todo_of(&row.ok_or_else(|| Refusal::unknown_id(id))?)?;
        let (mut todo, now) = (before.clone(), now());
        change(&mut todo, now);
        if todo != before {
            todo.updated_at = now;
            save(UPDATE, &author.owner, &todo, &mut transaction).await?;
        }
        finish(transaction, author, todo).await
    }

    async fn try_delete(&self, author: &Author, id: &str) -> Attempt<Saved> {
        let mut transaction = match self.begin(author).await? {
            Begun::Now(transaction) => transaction,
            Begun::Before(saved) => return Ok(saved),
        };
        let row = query("DELETE FROM todos WHERE id = $1 AND owner = $2 RETURNING *");
        let row =
            row.bind(id).bind(author.owner.as_str()).fetch_optional(&mut *transaction).await?;
        let todo = todo_of(&row.ok_or_else(|| Refusal::unknown_id(id))?)?;
        finish(transaction, author, todo).await
    }

    /// Claims the key in the transaction of the effect: dropping it releases the key, so a refused
    /// call may be repeated (ADR 12).
    async fn begin(&self, author: &Author) -> Attempt<Begun> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let Some(keyed) = author.keyed() else { return Ok(Begun::Now(transaction)) };
        if calls::claim(keyed, now(), self.dialect, &mut transaction).await? {
            return Ok(Begun::Now(transaction));
        }
        calls::recall(keyed, &mut transaction).await.map(Begun::Before)
    }
}

async fn finish(
    mut transaction: Transaction<'static, Any>,
    author: &Author,
    todo: Todo,
) -> Attempt<Saved> {
    let todo = TodoView::from(todo);
    if let Some(keyed) = author.keyed() {
        calls::keep(keyed, &todo, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(Saved { todo, gone: None })
}

/// Cut to microseconds, as stored, so that an answer equals what is read later.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Execute, Row, query};

    use super::super::arguments::ListTodos;
    use super::super::open::{Settings, open};
    use super::super::owner::TodoOwner;

    #[tokio::test]
    async fn a_list_reads_the_todos_of_its_owner_alone() {
        let settings =
            Settings { database_url: "memory".to_owned(), allowed_hosts: Vec::new(), tokens: None };
        let store = open(&settings).await.unwrap();
        let (owner, filter) = (TodoOwner::anyone(), ListTodos::default().into_filter().unwrap());

        for statement in [filter.count(&owner), filter.select(&owner, store.dialect)] {
            let plan = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
            let plan = query(AssertSqlSafe(plan)).fetch_all(&store.pool).await.unwrap();

            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let reads = |step: &String| step.contains("INDEX todos_by_owner (owner=?)");
            assert!(steps.iter().any(reads), "{steps:?}");
        }
    }
}
