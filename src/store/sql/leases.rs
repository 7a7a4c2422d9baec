//! Statements about who may write in a thread. The database's clock decides, not ours.

use sqlx::{Row, query, query_scalar};

use super::rows::{PartingRow, amount, key, thread_columns, thread_of};
use super::threads::millis;
use super::{Found, SqlStore, StoreFault};
use crate::chat::{Claim, LEASE, Lease};
use crate::domain::ThreadId;

impl SqlStore {
    pub(super) async fn take_lease(&self, id: &ThreadId) -> Found<Claim> {
        let rows = self.0.fetch(query(TAKE).bind(key(id.as_str())).bind(millis(LEASE))).await?;
        if let Some(row) = rows.first() {
            let (thread, epoch) = (thread_of(row)?, row.try_get("epoch")?);
            let lease = Lease { thread: thread.id.clone(), epoch };
            return Ok(Claim::Held(thread, lease));
        }
        let there = query_scalar::<_, i64>(EPOCH).bind(key(id.as_str()));
        let there = there.fetch_optional(self.0.reads()).await?;
        Ok(if there.is_some() { Claim::Taken } else { Claim::Unknown })
    }

    pub(super) async fn prolong_lease(&self, lease: &Lease) -> Found<()> {
        let prolong = query(PROLONG).bind(lease.thread.as_str()).bind(lease.epoch);
        let done = self.0.execute(prolong.bind(millis(LEASE))).await?;
        if done == 0 { Err(StoreFault::Lost) } else { Ok(()) }
    }

    pub(super) async fn end_lease(&self, lease: &Lease, parting: &PartingRow) -> Found<()> {
        let PartingRow { spent, last, receipt } = parting;
        let (last, receipt) = (last.as_ref(), receipt.as_ref());
        let end = query(self.0.dialect().either(END, END_LOCKED))
            .bind(lease.thread.as_str())
            .bind(lease.epoch)
            .bind(amount(spent.usage.input_tokens))
            .bind(amount(spent.usage.cached_tokens))
            .bind(amount(spent.usage.output_tokens))
            .bind(amount(spent.usage.thinking_tokens))
            .bind(amount(spent.cost.nanos()))
            .bind(amount(spent.unpriced_calls))
            .bind(last.map(|last| last.id.as_str()))
            .bind(last.map(|last| last.turn.as_str()))
            .bind(last.and_then(|last| last.item.as_deref()))
            .bind(last.and_then(|last| last.message.as_deref()))
            .bind(receipt.map(|receipt| receipt.key.as_str()))
            .bind(receipt.map(|receipt| receipt.request.as_str()))
            .bind(receipt.map(|receipt| receipt.receipt.as_str()));
        if !self.0.fetch(end).await?.is_empty() {
            return Ok(());
        }
        // An earlier attempt may have been kept, and the thread be another's since.
        match last {
            Some(last) if self.is_kept(lease, &last.id).await? => Ok(()),
            Some(_) | None => Err(StoreFault::Lost),
        }
    }

    async fn is_kept(&self, lease: &Lease, entry: &str) -> Found<bool> {
        let kept = query(KEPT).bind(lease.thread.as_str()).bind(entry);
        Ok(kept.fetch_optional(self.0.reads()).await?.is_some())
    }
}

const TAKE: &str = concat!(
    "UPDATE threads SET epoch = epoch + 1, held_until = (SELECT ms FROM clock) + $2 \
    WHERE id = $1 AND held_until <= (SELECT ms FROM clock) RETURNING epoch, ",
    thread_columns!()
);

const EPOCH: &str = "SELECT epoch FROM threads WHERE id = $1";

/// A heartbeat that comes after the end is no heartbeat.
const PROLONG: &str = "UPDATE threads SET held_until = (SELECT ms FROM clock) + $3 \
    WHERE id = $1 AND epoch = $2 AND held_until > 0";

const KEPT: &str = "SELECT seq FROM entries WHERE thread_id = $1 AND id = $2";

/// A view whose trigger writes to three tables: one trip, and no transaction of ours.
macro_rules! end {
    ($lock:literal) => {
        concat!(
            "INSERT INTO endings (thread_id, input_tokens, cached_tokens, output_tokens, ",
            "thinking_tokens, cost_nanos, unpriced_calls, id, turn, item, message, ",
            "key, request, receipt) ",
            "SELECT t.id, $3, $4, $5, $6, $7, $8, CAST($9 AS TEXT), CAST($10 AS TEXT), ",
            "CAST($11 AS TEXT), CAST($12 AS TEXT), CAST($13 AS TEXT), CAST($14 AS TEXT), ",
            "CAST($15 AS TEXT) FROM threads AS t WHERE t.id = $1 AND t.epoch = $2",
            $lock,
            " RETURNING thread_id"
        )
    };
}

const END: &str = end!("");
const END_LOCKED: &str = end!(" FOR UPDATE OF t");
