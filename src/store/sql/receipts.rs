//! Statements on receipts: requests that may arrive again (ADR 22). Times are the database's.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::leases::held_since;
use super::{SqlResult, SqlStore, StoreFault};
use chat::{Ended, Ending, Receipt, Received, Settlement};

/// Whether a key belongs to another request. Binds the key, the try, and the try that it replaces.
/// 86,400,000 ms is the day for which a key is remembered (ADR 14).
macro_rules! key_taken {
    () => {
        "(SELECT 1 FROM receipts AS r WHERE r.key = CAST(? AS TEXT) \
        AND r.attempt <> CAST(? AS TEXT) AND r.attempt <> COALESCE(CAST(? AS TEXT), '') \
        AND r.received_at > (SELECT ms FROM clock) - 86400000)"
    };
}
pub(super) use key_taken;

#[derive(Debug)]
pub(super) struct SettlementRow {
    pub(super) key: String,
    pub(super) attempt: String,
    pub(super) outcome: String,
    pub(super) is_final: i64,
    pub(super) told: Option<String>,
    pub(super) spend: String,
}

impl SettlementRow {
    pub(super) fn new(settlement: &Settlement) -> Result<Self, serde_json::Error> {
        let Settlement { key, attempt, ending } = settlement;
        Ok(Self {
            key: key.clone(),
            attempt: attempt.clone(),
            outcome: ending.outcome.as_str().to_owned(),
            is_final: i64::from(ending.is_final),
            told: ending.told.clone(),
            spend: serde_json::to_string(&ending.spend)?,
        })
    }
}

impl SqlStore {
    pub(super) async fn select_receipt(&self, key: &str) -> SqlResult<Option<Received>> {
        let kept = query(RECEIVED).bind(key).fetch_optional(self.database.reads()).await?;
        kept.as_ref().map(received_of).transpose()
    }

    /// Whether the key belongs to another try than this one or the one that it replaces.
    pub(super) async fn is_key_taken(
        &self,
        key: &str,
        attempt: &str,
        replaces: Option<&str>,
    ) -> SqlResult<bool> {
        let taken = query(TAKEN).bind(key).bind(attempt).bind(replaces);
        Ok(taken.fetch_optional(self.database.reads()).await?.is_some())
    }

    pub(super) async fn settle_receipt(&self, settlement: &SettlementRow) -> SqlResult<()> {
        let settle = query(SETTLE)
            .bind(settlement.key.as_str())
            .bind(settlement.attempt.as_str())
            .bind(settlement.outcome.as_str())
            .bind(settlement.is_final)
            .bind(settlement.told.as_deref())
            .bind(settlement.spend.as_str());
        self.database.execute(settle).await?;
        Ok(())
    }
}

fn received_of(row: &AnyRow) -> SqlResult<Received> {
    let text = |column| row.try_get::<String, _>(column);
    let number = |column| row.try_get::<i64, _>(column);
    let receipt = Receipt {
        key: text("key")?,
        body: text("body")?,
        attempt: text("attempt")?,
        thread: text("thread_id")?.into(),
        item: text("item")?.into(),
        is_new: number("is_new")? > 0,
    };
    Ok(Received {
        receipt,
        end: ended_of(row)?,
        is_newest: number("is_newest")? > 0,
        held: held_since(number("held_until")?, number("now")?),
        has_effects: number("has_effects")? > 0,
    })
}

fn ended_of(row: &AnyRow) -> SqlResult<Option<Ended>> {
    let Some(at) = row.try_get::<Option<i64>, _>("ended_at")? else { return Ok(None) };
    let since = row.try_get::<i64, _>("now")?.saturating_sub(at);
    let outcome: String = row.try_get("outcome")?;
    let spend: Option<String> = row.try_get("spend")?;
    let ending = Ending {
        outcome: serde_json::from_value(outcome.into())?,
        is_final: row.try_get::<i64, _>("is_final")? > 0,
        told: row.try_get("told")?,
        spend: spend.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default(),
    };
    Ok(Some(Ended { ago: Duration::from_millis(u64::try_from(since).unwrap_or(0)), ending }))
}

impl StoreFault {
    /// Two requests with one key came at the same time, and the other one was stored.
    pub(super) fn is_key_taken(&self) -> bool {
        self.is_about("receipts_pkey")
    }
}

const TAKEN: &str = "SELECT r.attempt FROM receipts AS r WHERE r.key = $1 \
    AND r.attempt <> $2 AND r.attempt <> COALESCE($3, '') \
    AND r.received_at > (SELECT ms FROM clock) - 86400000";

// One statement, so that the decision about a copy rests on one moment of the thread (ADR 22).
const RECEIVED: &str = "SELECT r.key, r.body, r.attempt, r.thread_id, r.item, r.is_new, \
    r.ended_at, r.outcome, r.is_final, r.told, r.spend, c.ms AS now, l.held_until, \
    CAST(CASE WHEN t.newest_attempt = r.attempt THEN 1 ELSE 0 END AS BIGINT) AS is_newest, \
    CAST(CASE WHEN EXISTS (SELECT 1 FROM entries AS e JOIN effects AS f \
        ON f.resource = e.thread_id AND f.root = e.root \
        WHERE e.thread_id = r.thread_id AND e.id = r.item) THEN 1 ELSE 0 END AS BIGINT) \
        AS has_effects \
    FROM receipts AS r JOIN threads AS t ON t.id = r.thread_id \
    JOIN leases AS l ON l.resource = r.thread_id CROSS JOIN clock AS c \
    WHERE r.key = $1 AND r.received_at > c.ms - 86400000";

const SETTLE: &str = "UPDATE receipts SET ended_at = (SELECT ms FROM clock), outcome = $3, \
    is_final = $4, told = $5, spend = $6 WHERE key = $1 AND attempt = $2";
