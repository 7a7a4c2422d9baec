//! Statements that begin and end turns: one each (ADR 20).

use std::sync::Arc;

use sqlx::{AnyConnection, Connection, query, query_scalar};

use super::super::batch_writer::{Row, Text, statement};
use super::super::database::{SqlDialect, Statement};
use super::entries::Addition;
use super::receipts::{SettlementRow, key_taken};
use super::rows::{EntryRow, RequestRow, amount, key};
use super::usage::ChargeRow;
use super::{SqlResult, SqlStore, StoreFault};
use base::domain::{ItemId, Spend};
use chat::{Beginning, Begun, Closing, Entry, Lease};

/// The beginning of a turn, as a row of the view `openings`.
#[derive(Debug)]
pub(super) struct BeginningRow {
    lease: Lease,
    request: RequestRow,
    /// The form that this message settles.
    form: Option<EntryRow>,
    asked: Option<EntryRow>,
}

/// A retry of an earlier message: what came after it is deleted.
#[derive(Debug)]
pub(super) struct Rewind {
    to: ItemId,
    kept: Vec<Addition>,
    /// As JSON: tools that the person approved for the conversation (ADR 38).
    granted: Option<String>,
    row: BeginningRow,
}

/// The end of a turn, as a row of the view `endings`.
#[derive(Debug)]
pub(super) struct ClosingRow {
    lease: Lease,
    spent: Spend,
    last: Option<EntryRow>,
    settlement: Option<SettlementRow>,
    charge: Option<ChargeRow>,
}

#[derive(Debug)]
pub(super) enum BeginningWrite {
    /// In one statement, batched with others.
    Row(Arc<BeginningRow>),
    /// In its own transaction: it deletes rows first, or changes the thread.
    Rewind(Box<Rewind>),
}

impl BeginningWrite {
    pub(super) fn new(lease: &Lease, beginning: &Beginning) -> Result<Self, serde_json::Error> {
        let row = |form: Option<&Entry>, asked: Option<&Entry>| -> Result<_, serde_json::Error> {
            Ok(BeginningRow {
                lease: lease.clone(),
                request: RequestRow::new(beginning),
                form: form.map(EntryRow::new).transpose()?,
                asked: asked.map(EntryRow::new).transpose()?,
            })
        };
        let granted = beginning.granted.as_ref().map(serde_json::to_string).transpose()?;
        let rewind_to = beginning.rewind_to.as_ref();
        Ok(match (rewind_to, beginning.entries.as_slice(), granted) {
            (None, [asked], None) => Self::Row(Arc::new(row(None, Some(asked))?)),
            (None, [form, asked], None) if form.message.is_none() => {
                Self::Row(Arc::new(row(Some(form), Some(asked))?))
            }
            (to, entries, granted) => {
                let kept: Result<_, _> =
                    entries.iter().map(|entry| Addition::new(lease, entry)).collect();
                let to = to.cloned().unwrap_or_else(|| ItemId::from(""));
                Self::Rewind(Box::new(Rewind { to, kept: kept?, granted, row: row(None, None)? }))
            }
        })
    }
}

impl Row for BeginningRow {
    fn text(dialect: SqlDialect) -> Text {
        Text { row: dialect.either(OPEN_ROW, OPEN_ROW_LOCKED), ..OPEN }
    }

    fn thread(&self) -> &str {
        self.lease.resource.as_str()
    }

    fn bind(&self, statement: Statement<'static>) -> Statement<'static> {
        let (form, asked, request) = (self.form.as_ref(), self.asked.as_ref(), &self.request);
        let receipt = request.receipt.as_ref();
        statement
            .bind(request.attempt.as_str())
            .bind(form.map(|form| form.id.as_str()))
            .bind(form.map(|form| form.root.as_str()))
            .bind(form.and_then(|form| form.item.as_deref()))
            .bind(asked.map(|asked| asked.id.as_str()))
            .bind(asked.map(|asked| asked.root.as_str()))
            .bind(asked.and_then(|asked| asked.item.as_deref()))
            .bind(asked.and_then(|asked| asked.message.as_deref()))
            .bind(request.key())
            .bind(request.body())
            .bind(receipt.map(|receipt| receipt.item.as_str()))
            .bind(receipt.map_or(0, |receipt| i64::from(receipt.is_new)))
            .bind(request.replaces())
            .bind(self.lease.resource.as_str())
            .bind(self.lease.epoch)
            .bind(request.key())
            .bind(request.attempt.as_str())
            .bind(request.replaces())
    }
}

impl ClosingRow {
    pub(super) fn new(lease: &Lease, closing: &Closing) -> Result<Self, serde_json::Error> {
        Ok(Self {
            lease: lease.clone(),
            spent: closing.spent,
            last: closing.last.as_ref().map(EntryRow::new).transpose()?,
            settlement: closing.settlement.as_ref().map(SettlementRow::new).transpose()?,
            charge: closing.charge.as_ref().map(ChargeRow::new),
        })
    }
}

impl Row for ClosingRow {
    fn text(dialect: SqlDialect) -> Text {
        Text { row: dialect.either(END_ROW, END_ROW_LOCKED), ..END }
    }

    fn thread(&self) -> &str {
        self.lease.resource.as_str()
    }

    fn bind(&self, statement: Statement<'static>) -> Statement<'static> {
        let (last, settled) = (self.last.as_ref(), self.settlement.as_ref());
        statement
            .bind(amount(self.spent.usage.input_tokens))
            .bind(amount(self.spent.usage.cached_tokens))
            .bind(amount(self.spent.usage.output_tokens))
            .bind(amount(self.spent.usage.thinking_tokens))
            .bind(amount(self.spent.cost.nanos()))
            .bind(amount(self.spent.unpriced_calls))
            .bind(last.map(|last| last.id.as_str()))
            .bind(last.map(|last| last.root.as_str()))
            .bind(last.and_then(|last| last.item.as_deref()))
            .bind(last.and_then(|last| last.message.as_deref()))
            .bind(settled.map(|settled| settled.key.as_str()))
            .bind(settled.map(|settled| settled.attempt.as_str()))
            .bind(settled.map(|settled| settled.outcome.as_str()))
            .bind(settled.map_or(0, |settled| settled.is_final))
            .bind(settled.and_then(|settled| settled.told.as_deref()))
            .bind(settled.map(|settled| settled.spend.as_str()))
            .bind(self.charge.as_ref().map(|charge| charge.turn.as_str()))
            .bind(self.charge.as_ref().map(|charge| charge.bill.as_str()))
            .bind(self.lease.resource.as_str())
            .bind(self.lease.epoch)
    }
}

impl SqlStore {
    pub(super) async fn begin_turn(&self, start: &BeginningWrite) -> SqlResult<Begun> {
        match start {
            BeginningWrite::Row(row) => {
                self.begun(row, self.openings.write(row).await.map_err(StoreFault::from)).await
            }
            BeginningWrite::Rewind(rewind) => {
                self.begun(&rewind.row, self.replace(rewind).await).await
            }
        }
    }

    /// Finds out why nothing was written: the key is taken, or the lease is stale.
    async fn begun(&self, row: &BeginningRow, written: SqlResult<bool>) -> SqlResult<Begun> {
        match written {
            Ok(true) => return Ok(Begun::Kept),
            Ok(false) => {}
            Err(fault) if fault.is_key_taken() => return Ok(Begun::KeyTaken),
            Err(fault) => return Err(fault),
        }
        let RequestRow { attempt, .. } = &row.request;
        match row.request.key() {
            Some(key) if self.is_key_taken(key, attempt, row.request.replaces()).await? => {
                Ok(Begun::KeyTaken)
            }
            Some(_) | None => Err(StoreFault::Lost),
        }
    }

    async fn replace(&self, rewind: &Rewind) -> SqlResult<bool> {
        let Rewind { to, kept, granted, row } = rewind;
        let dialect = self.database.dialect();
        let mut writing = self.database.writes().await?;
        let mut transaction = writing.begin_with(dialect.begin()).await?;
        let connection: &mut AnyConnection = &mut transaction;
        let thread = key(row.lease.resource.as_str());
        // First the check of lease and key: if it selects no row, dropping the transaction
        // rolls back.
        let opened = statement(dialect, &[row]).fetch_all(&mut *connection).await?;
        if opened.is_empty() {
            return Ok(false);
        }
        if let Some(after) = query_scalar::<_, i64>(PLACE)
            .bind(thread.as_str())
            .bind(key(to.as_str()))
            .fetch_optional(&mut *connection)
            .await?
        {
            query(FORGET_AFTER).bind(thread.as_str()).bind(after).execute(&mut *connection).await?;
        }
        for entry in kept {
            statement(dialect, &[entry]).execute(&mut *connection).await?;
        }
        if let Some(granted) = granted {
            query(GRANT).bind(thread).bind(granted).execute(&mut *connection).await?;
        }
        transaction.commit().await?;
        writing.done();
        Ok(true)
    }

    pub(super) async fn end_turn(&self, end: &Arc<ClosingRow>) -> SqlResult<()> {
        if self.endings.write(end).await? {
            return Ok(());
        }
        // An earlier attempt may have been committed, and another turn may hold the thread since:
        // our entry in the thread proves it (ADR 20).
        match &end.last {
            Some(last) if self.is_kept(&end.lease, &last.id).await? => Ok(()),
            Some(_) | None => Err(StoreFault::Lost),
        }
    }

    async fn is_kept(&self, lease: &Lease, entry: &str) -> SqlResult<bool> {
        let kept = query(PLACE).bind(lease.resource.as_str()).bind(entry);
        Ok(kept.fetch_optional(self.database.reads()).await?.is_some())
    }
}

const PLACE: &str = "SELECT seq FROM entries WHERE thread_id = $1 AND id = $2";

const GRANT: &str = "UPDATE threads SET granted = $2 WHERE id = $1";

const FORGET_AFTER: &str = "DELETE FROM entries WHERE thread_id = $1 AND seq > $2";

/// A view whose trigger writes to three tables: one round trip, all or nothing, without a
/// transaction of ours, which would be one round trip for each statement (ADR 20).
const OPEN: Text = Text {
    head: "INSERT INTO openings (thread_id, attempt, form_id, form_root, form_item, \
        id, root, item, message, key, body, asked, is_new, replaces) ",
    row: OPEN_ROW,
    between: " UNION ALL ",
    tail: " RETURNING thread_id",
};

macro_rules! open_row {
    ($lock:literal) => {
        concat!(
            "SELECT l.resource, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS BIGINT), CAST(? AS TEXT) ",
            "FROM leases AS l WHERE l.resource = ? AND l.epoch = ? AND NOT EXISTS ",
            key_taken!(),
            $lock
        )
    };
}

const OPEN_ROW: &str = open_row!("");
const OPEN_ROW_LOCKED: &str = open_row!(" FOR SHARE OF l");

const END: Text = Text {
    head: "INSERT INTO endings (thread_id, input_tokens, cached_tokens, output_tokens, \
        thinking_tokens, cost_nanos, unpriced_calls, id, root, item, message, \
        key, attempt, outcome, is_final, told, spend, turn, bill) ",
    row: END_ROW,
    between: " UNION ALL ",
    tail: " RETURNING thread_id",
};

macro_rules! end_row {
    ($lock:literal) => {
        concat!(
            "SELECT l.resource, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
            "CAST(? AS TEXT), ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT) ",
            "FROM leases AS l WHERE l.resource = ? AND l.epoch = ?",
            $lock
        )
    };
}

const END_ROW: &str = end_row!("");
// Not FOR SHARE: the trigger updates the lease, so an attempt and its repetition that share the
// lock would deadlock.
const END_ROW_LOCKED: &str = end_row!(" FOR UPDATE OF l");
