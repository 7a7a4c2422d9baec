//! Todos in SQLite or PostgreSQL, with one set of statements for both.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{Any, AnyPool, Row, Transaction, query, query_scalar};
use tokio::time::timeout;

use super::arguments::ChangesPage;
use super::attempt::{self, Attempt, DatabaseResult};
use super::calls::{self, KeptAnswer};
use super::history::{self, ChangeKind, ChangeNumber, KeptChange, Stamp};
use super::key::Author;
use super::owner::TodoOwner;
use super::preparation::Preparation;
use super::query::{Filter, Source};
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

/// A change to make, or the answer of an earlier call with the same key.
pub(super) enum Begun<'a> {
    Now(Work<'a>),
    Before(Earlier<'a>),
}

/// A change in its transaction. Dropping it undoes everything.
pub(super) struct Work<'a> {
    pub(super) transaction: Transaction<'static, Any>,
    pub(super) stamp: Stamp<'a>,
    author: &'a Author,
}

pub(super) struct Earlier<'a> {
    transaction: Transaction<'static, Any>,
    owner: &'a TodoOwner,
    pub(super) answer: KeptAnswer,
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
            let row = "SELECT * FROM todos WHERE id = $1 AND owner = $2 AND deleted_at IS NULL";
            let row = query(row).bind(id).bind(owner.as_str());
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

    /// Changes a todo of the list.
    pub(super) async fn change(
        &self,
        author: &Author,
        id: &str,
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Result<Saved, Refusal> {
        self.write(self.try_change(author, (Source::List, id), change)).await
    }

    /// Puts a todo into the trash.
    pub(super) async fn delete(&self, author: &Author, id: &str) -> Result<Saved, Refusal> {
        self.change(author, id, |todo, now| todo.deleted_at = Some(now)).await
    }

    /// Takes a todo out of the trash.
    pub(super) async fn restore(&self, author: &Author, id: &str) -> Result<Saved, Refusal> {
        let restore = |todo: &mut Todo, _| todo.deleted_at = None;
        self.write(self.try_change(author, (Source::Trash, id), restore)).await
    }

    /// A page of the history, and whether more follow.
    pub(super) async fn changes(
        &self,
        owner: &TodoOwner,
        page: &ChangesPage,
    ) -> Result<(Vec<KeptChange>, bool), Refusal> {
        let select = async {
            let mut connection = self.pool.acquire().await?;
            let (limit, todo) = (page.limit + 1, page.todo.as_deref());
            history::list(owner, todo, (limit, page.offset), &mut connection).await
        };
        let mut changes = self.read(select).await?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more_follow = changes.len() > limit;
        changes.truncate(limit);
        Ok((changes, more_follow))
    }

    async fn read<T>(&self, work: impl Future<Output = DatabaseResult<T>>) -> Result<T, Refusal> {
        self.preparation.check()?;
        attempt::read(work).await
    }

    pub(super) async fn write<T>(
        &self,
        work: impl Future<Output = Attempt<T>>,
    ) -> Result<T, Refusal> {
        self.preparation.check()?;
        attempt::write(work).await
    }

    async fn try_create(&self, author: &Author, todo: Todo) -> Attempt<Saved> {
        let mut work = match self.begin(author).await? {
            Begun::Now(work) => work,
            Begun::Before(answer) => return answer.saved().await,
        };
        work.check_room().await?;
        save(INSERT, &author.owner, &todo, &mut work.transaction).await?;
        // To undo it is to put it into the trash.
        let before = Todo { deleted_at: Some(todo.created_at), ..todo.clone() };
        work.record((ChangeKind::Created, None), before, &todo).await?;
        work.finish(todo).await
    }

    async fn try_change(
        &self,
        author: &Author,
        (source, id): (Source, &str),
        change: impl FnOnce(&mut Todo, Timestamp),
    ) -> Attempt<Saved> {
        let mut work = match self.begin(author).await? {
            Begun::Now(work) => work,
            Begun::Before(answer) => return answer.saved().await,
        };
        let before = work.todo(id).await?.ok_or_else(|| Refusal::unknown_id(id))?;
        match (source, before.deleted_at) {
            (Source::List, None) => {}
            (Source::List, Some(_)) => return Err(Refusal::unknown_id(id).into()),
            (Source::Trash, None) => return Err(Refusal::NotInTrash(id.to_owned()).into()),
            (Source::Trash, Some(_)) => work.check_room().await?,
        }
        let mut todo = before.clone();
        change(&mut todo, work.stamp.now);
        if todo != before {
            let kind = ChangeKind::between(&before, &todo);
            // In and out of the trash it stays as it was.
            if !matches!(kind, ChangeKind::Deleted | ChangeKind::Restored) {
                todo.updated_at = work.stamp.now;
            }
            work.replace((kind, None), before, &todo).await?;
        }
        work.finish(todo).await
    }

    /// Claims the key in the transaction of the effect: dropping it releases the key, so a refused
    /// call may be repeated (ADR 12).
    pub(super) async fn begin<'a>(&self, author: &'a Author) -> Attempt<Begun<'a>> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let now = now();
        if let Some(keyed) = author.keyed()
            && !calls::claim(keyed, now, self.dialect, &mut transaction).await?
        {
            let answer = calls::recall(keyed, &mut transaction).await?;
            return Ok(Begun::Before(Earlier { transaction, owner: &author.owner, answer }));
        }
        let number = history::next_number(&author.owner, &mut transaction).await?;
        let stamp = Stamp { owner: &author.owner, number, now, dialect: self.dialect };
        Ok(Begun::Now(Work { transaction, stamp, author }))
    }
}

impl Work<'_> {
    /// A todo of the owner, also one in the trash. Nobody else changes it until the end of this work
    /// (`history::next_number`).
    pub(super) async fn todo(&mut self, id: &str) -> DatabaseResult<Option<Todo>> {
        let row = query("SELECT * FROM todos WHERE id = $1 AND owner = $2");
        let row = row.bind(id).bind(self.stamp.owner.as_str());
        row.fetch_optional(&mut *self.transaction).await?.as_ref().map(todo_of).transpose()
    }

    /// Whether one more todo fits into the list.
    pub(super) async fn check_room(&mut self) -> Attempt<()> {
        let count = "SELECT COUNT(*) FROM todos WHERE owner = $1 AND deleted_at IS NULL";
        let count = query_scalar(count).bind(self.stamp.owner.as_str());
        let count: i64 = count.fetch_one(&mut *self.transaction).await?;
        if count >= MAX_TODOS { Err(Refusal::Full(MAX_TODOS).into()) } else { Ok(()) }
    }

    /// Writes a todo in place of what it was before.
    pub(super) async fn replace(
        &mut self,
        what: (ChangeKind, Option<ChangeNumber>),
        before: Todo,
        todo: &Todo,
    ) -> DatabaseResult<()> {
        save(UPDATE, self.stamp.owner, todo, &mut self.transaction).await?;
        self.record(what, before, todo).await
    }

    async fn record(
        &mut self,
        what: (ChangeKind, Option<ChangeNumber>),
        before: Todo,
        todo: &Todo,
    ) -> DatabaseResult<()> {
        history::record(self.stamp, what, (before, todo), &mut self.transaction).await
    }

    async fn finish(self, todo: Todo) -> Attempt<Saved> {
        let todo = TodoView::from(todo);
        self.commit(todo.id(), &todo).await?;
        Ok(Saved { todo, gone: None })
    }

    /// Keeps the answer for repetitions of the call, with the one todo that it is about.
    pub(super) async fn commit(mut self, todo_id: &str, answer: &impl Serialize) -> Attempt<()> {
        if let Some(keyed) = self.author.keyed() {
            calls::keep(keyed, (todo_id, answer), &mut self.transaction).await?;
        }
        self.transaction.commit().await?;
        Ok(())
    }
}

impl Earlier<'_> {
    async fn saved(mut self) -> Attempt<Saved> {
        Ok(calls::saved_then(self.answer, self.owner, &mut self.transaction).await?)
    }
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
