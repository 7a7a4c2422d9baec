//! Statements on the entries of a thread: items for the user, messages for the model.

use std::sync::Arc;

use sqlx::{query, query_scalar};

use super::super::batch_writer::{Row, Text};
use super::super::database::{SqlDialect, Statement};
use super::super::memory::cut;
use super::super::pages::{PAGE_BYTES, fitting};
use super::rows::{EntryRow, entry_of, key, start};
use super::{SqlResult, SqlStore, StoreFault};
use base::domain::{Item, ItemId, Message, Order, Owner, Page, PageRequest, ThreadId};
use chat::{Entry, Lease};

/// An entry with the lease that allows to write it.
#[derive(Debug)]
pub(super) struct Addition {
    lease: Lease,
    entry: EntryRow,
}

impl Addition {
    pub(super) fn new(lease: &Lease, entry: &Entry) -> Result<Self, serde_json::Error> {
        Ok(Self { lease: lease.clone(), entry: EntryRow::new(entry)? })
    }
}

impl Row for Addition {
    fn text(dialect: SqlDialect) -> Text {
        Text { row: dialect.either(ADD_ROW, ADD_ROW_LOCKED), ..ADD }
    }

    fn thread(&self) -> &str {
        self.lease.resource.as_str()
    }

    fn bind(&self, statement: Statement<'static>) -> Statement<'static> {
        statement
            .bind(self.entry.id.as_str())
            .bind(self.entry.root.as_str())
            .bind(self.entry.item.as_deref())
            .bind(self.entry.message.as_deref())
            .bind(self.lease.resource.as_str())
            .bind(self.lease.epoch)
    }
}

impl SqlStore {
    pub(super) async fn select_items(
        &self,
        owner: &Owner,
        thread: &ThreadId,
        page: &PageRequest,
    ) -> SqlResult<Page<Item>> {
        let after: i64 = match &page.after {
            Some(after) => self.seq_of(thread, after).await?.ok_or(StoreFault::UnknownCursor)?,
            None => start(page.order).0,
        };
        let rows = query_scalar(match page.order {
            Order::Asc => ITEMS_ASC,
            Order::Desc => ITEMS_DESC,
        });
        // One more than requested shows whether more follow.
        let rows = rows.bind(key(thread.as_str())).bind(after).bind(i64::from(page.limit) + 1);
        let rows = rows.bind(i64::from(PAGE_BYTES)).bind(key(owner.as_str()));
        let rows: Vec<String> = rows.fetch_all(self.database.reads()).await?;
        let items: Vec<Item> =
            rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
        let limit = fitting(rows.iter().map(String::len), page.limit);
        Ok(cut(items, limit, |item| item.id.as_str()))
    }

    pub(super) async fn select_entry(
        &self,
        thread: &ThreadId,
        item: &ItemId,
    ) -> SqlResult<Option<Entry>> {
        let row = query(ENTRY).bind(key(thread.as_str())).bind(key(item.as_str()));
        let row = row.fetch_optional(self.database.reads()).await?;
        row.as_ref().map(entry_of).transpose()
    }

    pub(super) async fn select_messages(
        &self,
        thread: &ThreadId,
        limit: u32,
    ) -> SqlResult<Vec<Message>> {
        let rows = query_scalar(MESSAGES_DESC).bind(key(thread.as_str())).bind(i64::from(limit));
        let rows = rows.bind(i64::from(PAGE_BYTES));
        let rows: Vec<String> = rows.fetch_all(self.database.reads()).await?;
        let messages = rows.iter().rev().map(|row| serde_json::from_str(row));
        Ok(messages.collect::<Result<_, _>>()?)
    }

    pub(super) async fn select_turn(
        &self,
        thread: &ThreadId,
        root: &ItemId,
    ) -> SqlResult<Vec<Entry>> {
        let Some(first) = self.seq_of(thread, root.as_str()).await? else { return Ok(Vec::new()) };
        let rows = query(TURN).bind(key(thread.as_str())).bind(first).bind(key(root.as_str()));
        rows.fetch_all(self.database.reads()).await?.iter().map(entry_of).collect()
    }

    /// Two writers may take the same sequence number on PostgreSQL. The primary key rejects the
    /// later one, which takes the next number. The limit of the call ends the loop.
    pub(super) async fn append(&self, addition: &Arc<Addition>) -> SqlResult<()> {
        loop {
            match self.additions.write(addition).await.map_err(StoreFault::from) {
                Err(fault) if fault.is_sequence_conflict() => {}
                Err(fault) => return Err(fault),
                // The lease selected no row: another turn holds the thread (ADR 11).
                Ok(false) => return Err(StoreFault::Lost),
                Ok(true) => return Ok(()),
            }
        }
    }

    async fn seq_of(&self, thread: &ThreadId, item: &str) -> SqlResult<Option<i64>> {
        let seq = query_scalar(SEQ_OF_ITEM).bind(key(thread.as_str())).bind(key(item));
        Ok(seq.fetch_optional(self.database.reads()).await?)
    }
}

/// An entry that exists is replaced in place, so an attempt may be repeated. A stale lease selects
/// no row, so nothing is written (ADR 11).
const ADD: Text = Text {
    head: "INSERT INTO entries (thread_id, seq, id, root, item, message) ",
    row: ADD_ROW,
    between: " UNION ALL ",
    tail: " ON CONFLICT (thread_id, id) DO UPDATE \
        SET item = excluded.item, message = COALESCE(excluded.message, entries.message) \
        RETURNING thread_id",
};

macro_rules! add_row {
    ($lock:literal) => {
        concat!(
            "SELECT l.resource, (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e ",
            "WHERE e.thread_id = l.resource), ?, ?, CAST(? AS TEXT), CAST(? AS TEXT) ",
            "FROM leases AS l WHERE l.resource = ? AND l.epoch = ?",
            $lock
        )
    };
}

const ADD_ROW: &str = add_row!("");
/// The lock orders this write against a claim: the claim waits for it, or it sees the new epoch
/// and writes nothing (ADR 11). SQLite needs none, it has one writer.
const ADD_ROW_LOCKED: &str = add_row!(" FOR SHARE OF l");

const SEQ_OF_ITEM: &str = "SELECT seq FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL";

const ENTRY: &str = "SELECT root, item, message FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL";

/// Rows up to the size of a page, plus at least one that is not in it if more follow. Sizes come
/// from `octet_length`, which does not read the text, so a large thread is not loaded to cut it.
macro_rules! items {
    ($beyond:literal, $order:literal) => {
        concat!(
            "WITH page AS (SELECT seq, SUM(octet_length(item)) OVER (ORDER BY ",
            $order,
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before ",
            "FROM entries WHERE thread_id = (SELECT t.id FROM threads AS t ",
            "WHERE t.id = $1 AND t.owner = $5) AND ",
            $beyond,
            " AND item IS NOT NULL ORDER BY ",
            $order,
            " LIMIT $3) SELECT e.item FROM page CROSS JOIN entries AS e ",
            "WHERE e.thread_id = $1 AND e.seq = page.seq ",
            "AND COALESCE(page.before, 0) <= $4 ORDER BY page.",
            $order
        )
    };
}

const ITEMS_ASC: &str = items!("seq > $2", "seq");
const ITEMS_DESC: &str = items!("seq < $2", "seq DESC");

/// At most `$2` rows: the newest turn complete, and earlier messages as long as all fit in `$3`
/// bytes. A turn without its beginning would have results without calls, which providers refuse.
const MESSAGES_DESC: &str = "WITH newest AS (SELECT seq, \
    root = FIRST_VALUE(root) OVER (ORDER BY seq DESC) AS is_of_turn, \
    SUM(octet_length(message)) OVER (ORDER BY seq DESC \
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bytes \
    FROM entries WHERE thread_id = $1 AND message IS NOT NULL ORDER BY seq DESC LIMIT $2) \
    SELECT e.message FROM newest CROSS JOIN entries AS e \
    WHERE e.thread_id = $1 AND e.seq = newest.seq AND (newest.is_of_turn OR newest.bytes <= $3) \
    ORDER BY newest.seq DESC";

const TURN: &str = "SELECT root, item, message FROM entries \
    WHERE thread_id = $1 AND seq >= $2 AND root = $3 ORDER BY seq";
