//! Statements on what owners have used, and on the turns of those who have limits (ADR 30). Times and
//! days are the database's.

use std::time::Duration;

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Row, query};

use super::super::database::{SqlDialect, Statement};
use super::rows::{amount, key};
use super::threads::millis;
use super::{SqlResult, SqlStore};
use base::domain::{CallerLimits, Cost, Estimate, Owner, ThreadId, Usage};
use chat::{Allowance, Charge, Count, ModelUsage, NewTurn, Used};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Of one turn: a provider may report any number, and sums must not leave their type.
const MOST: i64 = 1_000_000_000_000_000;

/// A charge as it is stored. Built once, so that a repeated attempt writes the same.
#[derive(Debug)]
pub(super) struct ChargeRow {
    pub(super) turn: String,
    pub(super) bill: String,
}

impl ChargeRow {
    pub(super) fn new(charge: &Charge) -> Self {
        let number = |count| amount(count).min(MOST);
        let rows = charge.rows(0).into_iter().map(|row| {
            json!({
                "model": key(&row.model),
                "turns": number(row.turns),
                "requests": number(row.requests),
                "input_tokens": number(row.usage.input_tokens),
                "cached_tokens": number(row.usage.cached_tokens),
                "output_tokens": number(row.usage.output_tokens),
                "thinking_tokens": number(row.usage.thinking_tokens),
                "cost_nanos": number(row.cost.nanos()),
                "unpriced_calls": number(row.unpriced_calls),
                "estimated_tokens": number(row.estimate.tokens),
                "estimated_nanos": number(row.estimate.cost.nanos()),
            })
        });
        Self { turn: charge.turn.clone(), bill: rows.collect::<serde_json::Value>().to_string() }
    }
}

impl SqlStore {
    pub(super) async fn count_turn(&self, new: &NewTurn) -> SqlResult<Count> {
        if !new.limits.count_turns() {
            let used = self.select_used(&new.owner, &new.limits).await?;
            return Ok(Count { used, is_within: Allowance::new(&new.limits, &used).has_room() });
        }
        match self.database.dialect() {
            SqlDialect::Sqlite => self.count_in_file(new).await,
            SqlDialect::Postgres => {
                let rows = self.database.fetch(counting(new)).await?;
                let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
                let is_within = row.try_get::<i64, _>("is_within")? > 0;
                Ok(Count { used: used_of(row)?, is_within })
            }
        }
    }

    /// SQLite takes one writer at a time, so nobody counts between the look and the insertion.
    async fn count_in_file(&self, new: &NewTurn) -> SqlResult<Count> {
        let mut writing = self.database.writes().await?;
        let mut transaction = writing.begin_with(SqlDialect::Sqlite.begin()).await?;
        let connection: &mut AnyConnection = &mut transaction;
        let others = using(USED, &new.owner, &new.limits).fetch_one(&mut *connection).await?;
        let counted = query(COUNTED).bind(new.turn.as_str());
        // An earlier attempt whose answer was lost.
        let is_counted = counted.fetch_optional(&mut *connection).await?.is_some();
        let has_room = Allowance::new(&new.limits, &used_of(&others)?).has_room();
        if has_room && !is_counted {
            let forget = query(FORGET_TURNS).bind(key(new.owner.as_str()));
            forget.execute(&mut *connection).await?;
            let count = query(COUNT).bind(new.turn.as_str()).bind(key(new.owner.as_str()));
            let count = count.bind(new.thread.as_str()).bind(millis(new.longest));
            count.execute(&mut *connection).await?;
        }
        let row = using(USED, &new.owner, &new.limits).fetch_one(&mut *connection).await?;
        transaction.commit().await?;
        writing.done();
        Ok(Count { used: used_of(&row)?, is_within: has_room || is_counted })
    }

    pub(super) async fn delete_turn(&self, turn: &str) -> SqlResult<()> {
        let uncount = query("DELETE FROM counted_turns WHERE turn = $1").bind(turn.to_owned());
        self.database.execute(uncount).await?;
        Ok(())
    }

    pub(super) async fn move_turn(&self, turn: &str, thread: &ThreadId) -> SqlResult<()> {
        let moved = query("UPDATE counted_turns SET resource = $1 WHERE turn = $2");
        let moved = moved.bind(key(thread.as_str())).bind(turn.to_owned());
        self.database.execute(moved).await?;
        Ok(())
    }

    pub(super) async fn insert_charge(
        &self,
        owner: &Owner,
        thread: &ThreadId,
        row: &ChargeRow,
    ) -> SqlResult<()> {
        let charge = query(CHARGE).bind(row.turn.clone()).bind(key(thread.as_str()));
        let charge = charge.bind(key(owner.as_str())).bind(row.bill.clone());
        self.database.execute(charge).await?;
        Ok(())
    }

    pub(super) async fn select_used(
        &self,
        owner: &Owner,
        limits: &CallerLimits,
    ) -> SqlResult<Used> {
        let used = self.database.dialect().either(USED, "SELECT * FROM used_by($1, $2)");
        let row = using(used, owner, limits).fetch_optional(self.database.reads()).await?;
        used_of(&row.ok_or(sqlx::Error::RowNotFound)?)
    }

    pub(super) async fn select_usage(
        &self,
        owner: &Owner,
        days: u32,
    ) -> SqlResult<Vec<ModelUsage>> {
        let rows = query(USAGE).bind(key(owner.as_str())).bind(i64::from(days));
        let rows = rows.fetch_all(self.database.reads()).await?;
        let mut usage = rows.iter().map(usage_of).collect::<SqlResult<Vec<_>>>()?;
        // Here and not there: databases sort names by different alphabets.
        usage.sort_by(|one, other| {
            other.day.cmp(&one.day).then_with(|| one.model.cmp(&other.model))
        });
        Ok(usage)
    }
}

fn counting(new: &NewTurn) -> Statement<'static> {
    let limits = &new.limits;
    query("SELECT * FROM count_turn($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(new.turn.clone())
        .bind(key(new.owner.as_str()))
        .bind(key(new.thread.as_str()))
        .bind(millis(new.longest))
        .bind(limits.turns_per_minute.map(amount))
        .bind(limits.turns_at_once.map(amount))
        .bind(limits.tokens_per_day.map(amount))
        .bind(limits.cost_per_day.map(|cost| amount(cost.nanos())))
}

fn using(text: &'static str, owner: &Owner, limits: &CallerLimits) -> Statement<'static> {
    query(text).bind(key(owner.as_str())).bind(limits.turns_per_minute.map(amount))
}

fn used_of(row: &AnyRow) -> SqlResult<Used> {
    let count = |column| row.try_get(column).map(|count: i64| count.unsigned_abs());
    let now: i64 = row.try_get("now")?;
    let oldest: Option<i64> = row.try_get("oldest")?;
    // Times of a clock that was set back may lie ahead.
    let frees_in = oldest.map_or(0, |at| (at + MINUTE_MS - now).clamp(0, 2 * MINUTE_MS));
    let day_ends_in = DAY_MS - now.rem_euclid(DAY_MS);
    Ok(Used {
        turns_of_minute: count("of_minute")?,
        minute_frees_in: Duration::from_millis(frees_in.unsigned_abs()),
        turns_at_once: count("running")?,
        tokens_today: count("tokens")?,
        cost_today: Cost::from_nanos(count("cost_nanos")?),
        day_ends_in: Duration::from_millis(day_ends_in.unsigned_abs()),
    })
}

fn usage_of(row: &AnyRow) -> SqlResult<ModelUsage> {
    let count = |column| row.try_get(column).map(|count: i64| count.unsigned_abs());
    Ok(ModelUsage {
        day: row.try_get("day")?,
        model: row.try_get("model")?,
        turns: count("turns")?,
        requests: count("requests")?,
        usage: Usage {
            input_tokens: count("input_tokens")?,
            cached_tokens: count("cached_tokens")?,
            output_tokens: count("output_tokens")?,
            thinking_tokens: count("thinking_tokens")?,
        },
        cost: Cost::from_nanos(count("cost_nanos")?),
        unpriced_calls: count("unpriced_calls")?,
        estimate: Estimate {
            tokens: count("estimated_tokens")?,
            cost: Cost::from_nanos(count("estimated_nanos")?),
        },
    })
}

/// The same as the function `used_by` of PostgreSQL.
const USED: &str = "SELECT c.ms AS now, \
    (SELECT COUNT(*) FROM counting_turns AS t WHERE t.owner = $1 AND t.is_of_minute = 1) AS of_minute, \
    (SELECT MIN(m.begun_at) FROM (SELECT t.begun_at FROM counting_turns AS t \
        WHERE t.owner = $1 AND t.is_of_minute = 1 \
        ORDER BY t.begun_at DESC LIMIT COALESCE($2, 1)) AS m) AS oldest, \
    (SELECT COUNT(*) FROM counting_turns AS t WHERE t.owner = $1 AND t.is_running = 1) AS running, \
    (SELECT COALESCE(SUM(u.input_tokens + u.output_tokens + u.thinking_tokens \
            + u.estimated_tokens), 0) \
        FROM usage AS u WHERE u.owner = $1 AND u.day = c.ms / 86400000) AS tokens, \
    (SELECT COALESCE(SUM(u.cost_nanos + u.estimated_nanos), 0) \
        FROM usage AS u WHERE u.owner = $1 AND u.day = c.ms / 86400000) AS cost_nanos \
    FROM clock AS c";

const COUNTED: &str = "SELECT turn FROM counted_turns WHERE turn = $1";

/// Those of the owner that count no more.
const FORGET_TURNS: &str = "DELETE FROM counted_turns WHERE owner = $1 \
    AND (begun_at < (SELECT ms FROM clock) - 60000 AND until < (SELECT ms FROM clock) \
        OR begun_at > (SELECT ms FROM clock) + 60000)";

const COUNT: &str = "INSERT INTO counted_turns (turn, owner, resource, begun_at, until) \
    SELECT $1, $2, $3, c.ms, c.ms + $4 FROM clock AS c";

/// The trigger adds it, unless the turn's end was written after all.
const CHARGE: &str = "INSERT INTO late_charges (turn, thread_id, owner, bill, at) \
    SELECT $1, $2, $3, $4, c.ms FROM clock AS c WHERE 1 = 1 ON CONFLICT (turn) DO NOTHING";

const USAGE: &str = "SELECT day, model, CAST(SUM(turns) AS BIGINT) AS turns, \
    CAST(SUM(requests) AS BIGINT) AS requests, \
    CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
    CAST(SUM(cached_tokens) AS BIGINT) AS cached_tokens, \
    CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
    CAST(SUM(thinking_tokens) AS BIGINT) AS thinking_tokens, \
    CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos, \
    CAST(SUM(unpriced_calls) AS BIGINT) AS unpriced_calls, \
    CAST(SUM(estimated_tokens) AS BIGINT) AS estimated_tokens, \
    CAST(SUM(estimated_nanos) AS BIGINT) AS estimated_nanos \
    FROM usage WHERE owner = $1 AND day > (SELECT ms FROM clock) / 86400000 - $2 \
    GROUP BY day, model";
