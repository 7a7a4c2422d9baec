//! What was changed and how it was before: written with each change, kept for 30 days.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query, query_scalar};

use super::attempt::DatabaseResult;
use super::owner::TodoOwner;
use super::row::decode;
use super::sql_dialect::SqlDialect;
use super::value::{Todo, TodoStatus, TodoView};

/// How long a change can be undone, and a deleted todo is in the trash.
pub(super) const KEEP_DAYS: i64 = 30;
/// Changes of one owner that are kept, whatever their age.
const MOST: i64 = 10_000;
/// Old changes deleted with each new one: a limit, so that no call waits for thousands of deletions.
const SWEEP: i64 = 100;
const MICROS_OF_DAY: i64 = 24 * 3_600 * 1_000_000;

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum ChangeKind {
    Created,
    Changed,
    Completed,
    Reopened,
    Deleted,
    Restored,
    Undone,
}

/// The place of a change among those of its owner.
pub(super) type ChangeNumber = i64;

#[derive(Debug)]
pub(super) struct KeptChange {
    pub(super) number: ChangeNumber,
    pub(super) kind: ChangeKind,
    pub(super) todo_id: String,
    pub(super) title: String,
    pub(super) made_at: Timestamp,
    pub(super) before: Todo,
    /// The change that it undoes.
    pub(super) undoes: Option<ChangeNumber>,
    /// The change that undid it.
    pub(super) undone: Option<ChangeNumber>,
}

/// A change under its number, in the transaction of its effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    pub(super) owner: &'a TodoOwner,
    pub(super) number: ChangeNumber,
    pub(super) now: Timestamp,
    pub(super) dialect: SqlDialect,
}

impl ChangeKind {
    pub(super) const ALL: [Self; 7] = [
        Self::Created,
        Self::Changed,
        Self::Completed,
        Self::Reopened,
        Self::Deleted,
        Self::Restored,
        Self::Undone,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Completed => "completed",
            Self::Reopened => "reopened",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::Undone => "undone",
        }
    }

    /// What was done to a todo that was there, or in the trash, before.
    pub(super) fn between(before: &Todo, after: &Todo) -> Self {
        match (before.deleted_at, after.deleted_at) {
            (None, Some(_)) => return Self::Deleted,
            (Some(_), None) => return Self::Restored,
            (None, None) | (Some(_), Some(_)) => {}
        }
        match (before.status, after.status) {
            (TodoStatus::Open, TodoStatus::Done) => Self::Completed,
            (TodoStatus::Done, TodoStatus::Open) => Self::Reopened,
            (TodoStatus::Open, TodoStatus::Open) | (TodoStatus::Done, TodoStatus::Done) => {
                Self::Changed
            }
        }
    }
}

/// The next number of an owner. From here to the end of the transaction no other change of theirs is
/// made, so what is read in between stays true.
pub(super) async fn next_number(
    owner: &TodoOwner,
    connection: &mut AnyConnection,
) -> DatabaseResult<ChangeNumber> {
    let next = "INSERT INTO todo_owners (owner, last_change) VALUES ($1, 1) ON CONFLICT (owner) \
        DO UPDATE SET last_change = todo_owners.last_change + 1 RETURNING last_change";
    query_scalar(next).bind(owner.as_str()).fetch_one(connection).await
}

pub(super) async fn record(
    stamp: Stamp<'_>,
    (kind, undoes): (ChangeKind, Option<ChangeNumber>),
    (before, after): (Todo, &Todo),
    connection: &mut AnyConnection,
) -> DatabaseResult<()> {
    let insert = "INSERT INTO todo_changes (owner, number, todo_id, what, title, before, made_at, \
        undoes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let before = serde_json::to_string(&TodoView::from(before)).map_err(decode)?;
    query(insert)
        .bind(stamp.owner.as_str())
        .bind(stamp.number)
        .bind(after.id.as_str())
        .bind(kind.as_str())
        .bind(after.title.as_str())
        .bind(before)
        .bind(stamp.now.as_microsecond())
        .bind(undoes.unwrap_or_default())
        .execute(&mut *connection)
        .await?;
    sweep(stamp, connection).await
}

/// The changes of an owner, of one todo if it is given, the newest first.
pub(super) async fn list(
    owner: &TodoOwner,
    todo: Option<&str>,
    (limit, offset): (i64, i64),
    connection: &mut AnyConnection,
) -> DatabaseResult<Vec<KeptChange>> {
    let select = "SELECT * FROM todo_changes WHERE owner = $1 \
        AND (CAST($2 AS TEXT) IS NULL OR todo_id = $2) \
        ORDER BY number DESC, todo_id LIMIT $3 OFFSET $4";
    let rows = query(select).bind(owner.as_str()).bind(todo).bind(limit).bind(offset);
    rows.fetch_all(connection).await?.iter().map(change_of).collect()
}

/// The newest change that can be undone and is not an undoing itself.
pub(super) async fn newest(
    owner: &TodoOwner,
    connection: &mut AnyConnection,
) -> DatabaseResult<Option<ChangeNumber>> {
    let select = "SELECT number FROM todo_changes WHERE owner = $1 AND undone = 0 AND undoes = 0 \
        ORDER BY number DESC LIMIT 1";
    query_scalar(select).bind(owner.as_str()).fetch_optional(connection).await
}

/// The parts of a change: one for each todo that it was about.
pub(super) async fn find(
    owner: &TodoOwner,
    number: ChangeNumber,
    connection: &mut AnyConnection,
) -> DatabaseResult<Vec<KeptChange>> {
    let select = "SELECT * FROM todo_changes WHERE owner = $1 AND number = $2 ORDER BY todo_id";
    let rows = query(select).bind(owner.as_str()).bind(number).fetch_all(connection).await?;
    rows.iter().map(change_of).collect()
}

/// A later change of the same todo that is in the way of undoing this one.
pub(super) async fn in_the_way(
    owner: &TodoOwner,
    change: &KeptChange,
    connection: &mut AnyConnection,
) -> DatabaseResult<Option<ChangeNumber>> {
    // Changes that were undone, and their undoings, cancel each other out. A change that is done
    // again must follow its undoing immediately.
    let select = "SELECT number FROM todo_changes WHERE owner = $1 AND todo_id = $2 \
        AND number > $3 AND ($4 <> 0 OR (undone = 0 AND undoes = 0)) ORDER BY number DESC LIMIT 1";
    let select = query_scalar(select).bind(owner.as_str()).bind(change.todo_id.as_str());
    let select = select.bind(change.number).bind(change.undoes.unwrap_or_default());
    select.fetch_optional(connection).await
}

/// Marks a change as undone by another. What it had undone itself counts again.
pub(super) async fn mark_undone(
    stamp: Stamp<'_>,
    change: &KeptChange,
    connection: &mut AnyConnection,
) -> DatabaseResult<()> {
    let mark = "UPDATE todo_changes SET undone = $3 WHERE owner = $1 AND number = $2";
    let undone = query(mark).bind(stamp.owner.as_str()).bind(change.number).bind(stamp.number);
    undone.execute(&mut *connection).await?;
    if let Some(undoes) = change.undoes {
        let again = query(mark).bind(stamp.owner.as_str()).bind(undoes).bind(0_i64);
        again.execute(connection).await?;
    }
    Ok(())
}

/// Forgets old changes of everybody and the oldest of an owner with too many, and with them the todos
/// in the trash that nothing leads back to.
async fn sweep(stamp: Stamp<'_>, connection: &mut AnyConnection) -> DatabaseResult<()> {
    // Locked rows are skipped: two sweeps that wait for each other's rows would deadlock.
    let skip = stamp.dialect.skip_locked();
    let old = format!(
        "DELETE FROM todo_changes WHERE (owner, number, todo_id) IN ( \
         SELECT owner, number, todo_id FROM todo_changes WHERE made_at < $1 \
         ORDER BY made_at LIMIT {SWEEP} {skip}) RETURNING owner, todo_id"
    );
    let before = stamp.now.as_microsecond() - KEEP_DAYS * MICROS_OF_DAY;
    let mut forgotten = query(AssertSqlSafe(old)).bind(before).fetch_all(&mut *connection).await?;
    if stamp.number > MOST {
        let many = format!(
            "DELETE FROM todo_changes WHERE owner = $1 AND number IN ( \
             SELECT number FROM todo_changes WHERE owner = $1 AND number <= $2 \
             ORDER BY number LIMIT {SWEEP}) RETURNING owner, todo_id"
        );
        let many = query(AssertSqlSafe(many)).bind(stamp.owner.as_str());
        forgotten.extend(many.bind(stamp.number - MOST).fetch_all(&mut *connection).await?);
    }
    for row in forgotten {
        let (owner, todo_id): (String, String) = (row.try_get("owner")?, row.try_get("todo_id")?);
        let empty = "DELETE FROM todos WHERE id = $1 AND owner = $2 AND deleted_at IS NOT NULL \
            AND NOT EXISTS (SELECT 1 FROM todo_changes WHERE owner = $2 AND todo_id = $1)";
        query(empty).bind(todo_id).bind(owner).execute(&mut *connection).await?;
    }
    Ok(())
}

fn change_of(row: &AnyRow) -> DatabaseResult<KeptChange> {
    let (what, before): (String, String) = (row.try_get("what")?, row.try_get("before")?);
    let view: TodoView = serde_json::from_str(&before).map_err(decode)?;
    let number = |column| row.try_get(column).map(|number| Some(number).filter(|it| *it != 0));
    let kind = ChangeKind::ALL.into_iter().find(|kind| kind.as_str() == what);
    Ok(KeptChange {
        number: row.try_get("number")?,
        kind: kind.unwrap_or(ChangeKind::Changed),
        todo_id: row.try_get("todo_id")?,
        title: row.try_get("title")?,
        made_at: Timestamp::from_microsecond(row.try_get("made_at")?).map_err(decode)?,
        before: view.into_todo().map_err(decode)?,
        undoes: number("undoes")?,
        undone: number("undone")?,
    })
}
