//! Calls with a key, stored in the transaction of their effect: either both exist or neither
//! (ADR 12).

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::attempt::{Attempt, DatabaseResult};
use super::key::{KEEP_HOURS, Key};
use super::owner::TodoOwner;
use super::refusal::Refusal;
use super::row::{decode, todo_of};
use super::sql_dialect::SqlDialect;
use super::value::Saved;

/// Old calls deleted with each new one: a limit, so that no call waits for thousands of deletions.
const SWEEP: i64 = 100;

/// What an earlier call answered.
#[derive(Debug)]
pub(super) struct KeptAnswer {
    tool: String,
    todo_id: String,
    json: String,
}

/// A key, and whose it is.
pub(super) type Keyed<'a> = (&'a TodoOwner, &'a Key);

/// An expired key is free again. On PostgreSQL `ON CONFLICT` waits for a running call with the same
/// key, which holds the row; SQLite has one writer anyway.
const CLAIM: &str = "INSERT INTO keyed_calls (owner, key, tool, arguments, made_at) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner, key) DO UPDATE SET tool = excluded.tool, \
    arguments = excluded.arguments, made_at = excluded.made_at, todo_id = '', todo = '' \
    WHERE keyed_calls.made_at < $6";

/// Takes the key for this transaction. False if a call has it already.
pub(super) async fn claim(
    (owner, key): Keyed<'_>,
    now: Timestamp,
    dialect: SqlDialect,
    connection: &mut AnyConnection,
) -> DatabaseResult<bool> {
    let expired = now.as_microsecond() - KEEP_HOURS * 3_600_000_000;
    let claimed = query(CLAIM)
        .bind(owner.as_str())
        .bind(key.text.as_str())
        .bind(key.tool.as_str())
        .bind(key.arguments.as_str())
        .bind(now.as_microsecond())
        .bind(expired)
        .execute(&mut *connection)
        .await?;
    let is_ours = claimed.rows_affected() > 0;
    if is_ours {
        sweep(expired, dialect, connection).await?;
    }
    Ok(is_ours)
}

/// Stores what the call answers, for its repetitions, and the one todo that it was about.
pub(super) async fn keep(
    (owner, key): Keyed<'_>,
    (todo_id, answer): (&str, &impl Serialize),
    connection: &mut AnyConnection,
) -> DatabaseResult<()> {
    let update = "UPDATE keyed_calls SET todo_id = $3, todo = $4 WHERE owner = $1 AND key = $2";
    let json = serde_json::to_string(answer).map_err(decode)?;
    let update = query(update).bind(owner.as_str()).bind(key.text.as_str());
    update.bind(todo_id).bind(json).execute(connection).await?;
    Ok(())
}

/// What an earlier call with this key answered.
pub(super) async fn recall(
    (owner, key): Keyed<'_>,
    connection: &mut AnyConnection,
) -> Attempt<KeptAnswer> {
    let select = "SELECT tool, arguments, todo_id, todo FROM keyed_calls \
        WHERE owner = $1 AND key = $2";
    let call = query(select).bind(owner.as_str()).bind(key.text.as_str());
    let call = call.fetch_one(&mut *connection).await?;
    let (tool, arguments): (String, String) = (call.try_get("tool")?, call.try_get("arguments")?);
    if tool != key.tool || arguments != key.arguments {
        return Err(Refusal::KeyOfAnother.into());
    }
    Ok(KeptAnswer { tool, todo_id: call.try_get("todo_id")?, json: call.try_get("todo")? })
}

/// Its todo: as it is now, or as that call left it if it was deleted.
pub(super) async fn saved_then(
    answer: KeptAnswer,
    owner: &TodoOwner,
    connection: &mut AnyConnection,
) -> DatabaseResult<Saved> {
    let present = query("SELECT * FROM todos WHERE id = $1 AND owner = $2 AND deleted_at IS NULL");
    let present = present.bind(answer.todo_id.as_str()).bind(owner.as_str());
    if let Some(row) = present.fetch_optional(connection).await? {
        return Ok(Saved { todo: todo_of(&row)?.into(), gone: None });
    }
    Ok(Saved { todo: answer.read()?, gone: Some(farewell(&answer.tool)) })
}

impl KeptAnswer {
    pub(super) fn read<T: DeserializeOwned>(&self) -> DatabaseResult<T> {
        serde_json::from_str(&self.json).map_err(decode)
    }
}

async fn sweep(
    before: i64,
    dialect: SqlDialect,
    connection: &mut AnyConnection,
) -> DatabaseResult<()> {
    // Locked rows are skipped: two sweeps that wait for each other's rows would deadlock.
    let sql = format!(
        "DELETE FROM keyed_calls WHERE (owner, key) IN (SELECT owner, key FROM keyed_calls \
         WHERE made_at < $1 ORDER BY made_at LIMIT {SWEEP} {})",
        dialect.skip_locked()
    );
    query(AssertSqlSafe(sql)).bind(before).execute(connection).await?;
    Ok(())
}

fn farewell(tool: &str) -> String {
    let done = match tool {
        "create_todo" => "created",
        "complete_todo" => "completed",
        "restore_todo" => "restored",
        _ => "changed",
    };
    format!("The todo was {done}, and has since been deleted.")
}
