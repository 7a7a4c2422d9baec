//! Statements about who may write in a thread. The database's clock decides, not ours.

use std::sync::Arc;

use sqlx::{Row as _, query, query_scalar};

use super::super::database::{Dialect, Statement};
use super::super::together::{Row, Text};
use super::rows::{EntryRow, ReceiptRow, amount, key, thread_columns, thread_of};
use super::threads::millis;
use super::{Found, SqlStore, StoreFault};
use crate::chat::{Claim, LEASE, Lease, Parting};
use crate::domain::{Spend, ThreadId};

/// What a holder leaves behind, as it is kept.
#[derive(Debug)]
pub(super) struct End {
    lease: Lease,
    spent: Spend,
    last: Option<EntryRow>,
    receipt: Option<ReceiptRow>,
}

impl End {
    pub(super) fn new(lease: &Lease, parting: &Parting) -> Result<Self, serde_json::Error> {
        Ok(Self {
            lease: lease.clone(),
            spent: parting.spent,
            last: parting.last.as_ref().map(EntryRow::new).transpose()?,
            receipt: parting.receipt.as_ref().map(ReceiptRow::new).transpose()?,
        })
    }
}

impl Row for End {
    fn text(dialect: Dialect) -> Text {
        Text { row: dialect.either(END_ROW, END_ROW_LOCKED), ..END }
    }

    fn thread(&self) -> &str {
        self.lease.thread.as_str()
    }

    fn bind(&self, statement: Statement<'static>) -> Statement<'static> {
        let (last, receipt) = (self.last.as_ref(), self.receipt.as_ref());
        statement
            .bind(amount(self.spent.usage.input_tokens))
            .bind(amount(self.spent.usage.cached_tokens))
            .bind(amount(self.spent.usage.output_tokens))
            .bind(amount(self.spent.usage.thinking_tokens))
            .bind(amount(self.spent.cost.nanos()))
            .bind(amount(self.spent.unpriced_calls))
            .bind(last.map(|last| last.id.as_str()))
            .bind(last.map(|last| last.turn.as_str()))
            .bind(last.and_then(|last| last.item.as_deref()))
            .bind(last.and_then(|last| last.message.as_deref()))
            .bind(receipt.map(|receipt| receipt.key.as_str()))
            .bind(receipt.map(|receipt| receipt.request.as_str()))
            .bind(receipt.map(|receipt| receipt.receipt.as_str()))
            .bind(self.lease.thread.as_str())
            .bind(self.lease.epoch)
    }
}

impl SqlStore {
    pub(super) async fn take_lease(&self, id: &ThreadId) -> Found<Claim> {
        let rows =
            self.database.fetch(query(TAKE).bind(key(id.as_str())).bind(millis(LEASE))).await?;
        if let Some(row) = rows.first() {
            let (thread, epoch) = (thread_of(row)?, row.try_get("epoch")?);
            let lease = Lease { thread: thread.id.clone(), epoch };
            return Ok(Claim::Held(thread, lease));
        }
        let there = query_scalar::<_, i64>(EPOCH).bind(key(id.as_str()));
        let there = there.fetch_optional(self.database.reads()).await?;
        Ok(if there.is_some() { Claim::Taken } else { Claim::Unknown })
    }

    pub(super) async fn prolong_lease(&self, lease: &Lease) -> Found<()> {
        let prolong = query(PROLONG).bind(lease.thread.as_str()).bind(lease.epoch);
        let done = self.database.execute(prolong.bind(millis(LEASE))).await?;
        if done == 0 { Err(StoreFault::Lost) } else { Ok(()) }
    }

    pub(super) async fn end_lease(&self, end: &Arc<End>) -> Found<()> {
        if self.endings.write(end).await? {
            return Ok(());
        }
        // An earlier attempt may have been kept, and the thread be another's since.
        match &end.last {
            Some(last) if self.is_kept(&end.lease, &last.id).await? => Ok(()),
            Some(_) | None => Err(StoreFault::Lost),
        }
    }

    async fn is_kept(&self, lease: &Lease, entry: &str) -> Found<bool> {
        let kept = query(KEPT).bind(lease.thread.as_str()).bind(entry);
        Ok(kept.fetch_optional(self.database.reads()).await?.is_some())
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
const END: Text = Text {
    head: "INSERT INTO endings (thread_id, input_tokens, cached_tokens, output_tokens, \
        thinking_tokens, cost_nanos, unpriced_calls, id, turn, item, message, \
        key, request, receipt) ",
    row: END_ROW,
    between: " UNION ALL ",
    tail: " RETURNING thread_id",
};

macro_rules! end_row {
    ($lock:literal) => {
        concat!(
            "SELECT t.id, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT) ",
            "FROM threads AS t WHERE t.id = ? AND t.epoch = ?",
            $lock
        )
    };
}

const END_ROW: &str = end_row!("");
const END_ROW_LOCKED: &str = end_row!(" FOR UPDATE OF t");
