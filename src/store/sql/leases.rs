//! Statements about who may write in a thread. The database's clock decides, not ours.

use sqlx::{Row, query, query_scalar};

use super::rows::{amount, key, thread_columns, thread_of};
use super::threads::millis;
use super::{Found, SqlStore, StoreFault};
use crate::chat::{Claim, LEASE, Lease};
use crate::domain::{Spend, Thread, ThreadId};

impl SqlStore {
    pub(super) async fn take_lease(&self, id: &ThreadId) -> Found<Claim> {
        let mut writing = self.0.writes().await?;
        let rows = query(TAKE).bind(key(id.as_str())).bind(millis(LEASE));
        let rows = rows.fetch_all(&mut *writing).await?;
        writing.done();
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
        let done = query(PROLONG).bind(lease.thread.as_str()).bind(lease.epoch).bind(millis(LEASE));
        let done = done.execute(&mut *self.0.writes().await?).await?;
        if done.rows_affected() == 0 { Err(StoreFault::Lost) } else { Ok(()) }
    }

    pub(super) async fn end_lease(&self, lease: &Lease, spent: &Spend) -> Found<Thread> {
        let mut writing = self.0.writes().await?;
        let rows = query(END)
            .bind(lease.thread.as_str())
            .bind(lease.epoch)
            .bind(amount(spent.usage.input_tokens))
            .bind(amount(spent.usage.cached_tokens))
            .bind(amount(spent.usage.output_tokens))
            .bind(amount(spent.usage.thinking_tokens))
            .bind(amount(spent.cost.nanos()))
            .bind(amount(spent.unpriced_calls))
            .fetch_all(&mut *writing)
            .await?;
        writing.done();
        rows.first().ok_or(StoreFault::Lost).and_then(thread_of)
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

const END: &str = concat!(
    "UPDATE threads SET held_until = 0, input_tokens = $3, cached_tokens = $4, \
    output_tokens = $5, thinking_tokens = $6, cost_nanos = $7, unpriced_calls = $8 \
    WHERE id = $1 AND epoch = $2 RETURNING ",
    thread_columns!()
);
