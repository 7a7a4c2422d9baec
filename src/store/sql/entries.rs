//! Statements about what happened in a thread.

use sqlx::{AnyConnection, Connection, query, query_scalar};

use super::super::database::{Dialect, Statement};
use super::super::memory::cut;
use super::rows::{EntryRow, entry_of, key, start};
use super::{Found, SqlStore, StoreFault};
use crate::chat::{Entry, Lease};
use crate::domain::{Item, ItemId, Message, Order, Page, PageRequest, ThreadId};

impl SqlStore {
    pub(super) async fn select_items(
        &self,
        thread: &ThreadId,
        page: &PageRequest,
    ) -> Found<Page<Item>> {
        let after: i64 = match &page.after {
            Some(after) => self.seq_of(thread, after).await?.ok_or(StoreFault::UnknownCursor)?,
            None => start(page.order).0,
        };
        let rows = query_scalar(match page.order {
            Order::Asc => ITEMS_ASC,
            Order::Desc => ITEMS_DESC,
        });
        let rows = rows.bind(key(thread.as_str())).bind(after).bind(i64::from(page.limit) + 1);
        let rows: Vec<String> = rows.fetch_all(self.0.reads()).await?;
        let items: Vec<Item> =
            rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
        Ok(cut(items, page.limit, |item| item.id.as_str()))
    }

    pub(super) async fn select_item(
        &self,
        thread: &ThreadId,
        item: &ItemId,
    ) -> Found<Option<Item>> {
        let row = query_scalar(ITEM).bind(key(thread.as_str())).bind(key(item.as_str()));
        let row: Option<String> = row.fetch_optional(self.0.reads()).await?;
        Ok(row.as_deref().map(serde_json::from_str).transpose()?)
    }

    pub(super) async fn select_messages(
        &self,
        thread: &ThreadId,
        limit: u32,
    ) -> Found<Vec<Message>> {
        let rows = query_scalar(MESSAGES_DESC).bind(key(thread.as_str())).bind(i64::from(limit));
        let rows: Vec<String> = rows.fetch_all(self.0.reads()).await?;
        let messages = rows.iter().rev().map(|row| serde_json::from_str(row));
        Ok(messages.collect::<Result<_, _>>()?)
    }

    pub(super) async fn select_turn(&self, thread: &ThreadId, turn: &ItemId) -> Found<Vec<Entry>> {
        let Some(first) = self.seq_of(thread, turn.as_str()).await? else { return Ok(Vec::new()) };
        let rows = query(TURN).bind(key(thread.as_str())).bind(first).bind(key(turn.as_str()));
        rows.fetch_all(self.0.reads()).await?.iter().map(entry_of).collect()
    }

    /// One statement is a transaction of its own. Two writers that draw the same number are told
    /// apart by the primary key, and the later one draws again.
    pub(super) async fn append(&self, lease: &Lease, entry: &EntryRow) -> Found<()> {
        loop {
            let written = self.0.execute(insertion(self.0.dialect(), lease, entry)).await;
            match written.map_err(StoreFault::from) {
                Err(fault) if fault.is_taken() => {}
                Err(fault) => return Err(fault),
                Ok(0) => return Err(StoreFault::Lost),
                Ok(_) => return Ok(()),
            }
        }
    }

    pub(super) async fn replace_after(
        &self,
        lease: &Lease,
        to: &ItemId,
        kept: &[EntryRow],
    ) -> Found<()> {
        let mut writing = self.0.writes().await?;
        let mut transaction = writing.begin_with(self.0.dialect().begin()).await?;
        let connection: &mut AnyConnection = &mut transaction;
        let thread = key(lease.thread.as_str());
        let held = query_scalar::<_, i64>(self.0.dialect().either(HELD, HELD_LOCKED));
        let held = held.bind(thread.as_str()).bind(lease.epoch).fetch_optional(&mut *connection);
        held.await?.ok_or(StoreFault::Lost)?;
        query(FORGET_AFTER)
            .bind(thread.as_str())
            .bind(key(to.as_str()))
            .execute(&mut *connection)
            .await?;
        for entry in kept {
            insertion(self.0.dialect(), lease, entry).execute(&mut *connection).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn seq_of(&self, thread: &ThreadId, item: &str) -> Found<Option<i64>> {
        let seq = query_scalar(SEQ_OF_ITEM).bind(key(thread.as_str())).bind(key(item));
        Ok(seq.fetch_optional(self.0.reads()).await?)
    }
}

fn insertion(dialect: Dialect, lease: &Lease, entry: &EntryRow) -> Statement<'static> {
    query(dialect.either(INSERT_ENTRY, INSERT_ENTRY_LOCKED))
        .bind(key(lease.thread.as_str()))
        .bind(entry.id.as_str())
        .bind(entry.turn.as_str())
        .bind(entry.item.as_deref())
        .bind(entry.message.as_deref())
        .bind(lease.epoch)
}

/// An entry that is there already is replaced where it stands; a lease of the past writes nothing.
macro_rules! insert_entry {
    ($lock:literal) => {
        concat!(
            "INSERT INTO entries (thread_id, seq, id, turn, item, message) ",
            "SELECT t.id, (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM entries AS e ",
            "WHERE e.thread_id = t.id), $2, $3, CAST($4 AS TEXT), CAST($5 AS TEXT) ",
            "FROM threads AS t WHERE t.id = $1 AND t.epoch = $6",
            $lock,
            " ON CONFLICT (thread_id, id) DO UPDATE ",
            "SET item = excluded.item, message = COALESCE(excluded.message, entries.message)"
        )
    };
}

const INSERT_ENTRY: &str = insert_entry!("");
/// Whoever takes the thread over waits until this is written, or this is not written.
const INSERT_ENTRY_LOCKED: &str = insert_entry!(" FOR SHARE OF t");

const HELD: &str = "SELECT epoch FROM threads WHERE id = $1 AND epoch = $2";
const HELD_LOCKED: &str = "SELECT epoch FROM threads WHERE id = $1 AND epoch = $2 FOR SHARE";

const FORGET_AFTER: &str = "DELETE FROM entries WHERE thread_id = $1 \
    AND seq > (SELECT e.seq FROM entries AS e WHERE e.thread_id = $1 AND e.id = $2)";

const SEQ_OF_ITEM: &str = "SELECT seq FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL";

const ITEM: &str = "SELECT item FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL";

const ITEMS_ASC: &str = "SELECT item FROM entries \
    WHERE thread_id = $1 AND seq > $2 AND item IS NOT NULL ORDER BY seq LIMIT $3";

const ITEMS_DESC: &str = "SELECT item FROM entries \
    WHERE thread_id = $1 AND seq < $2 AND item IS NOT NULL ORDER BY seq DESC LIMIT $3";

const MESSAGES_DESC: &str = "SELECT message FROM entries \
    WHERE thread_id = $1 AND message IS NOT NULL ORDER BY seq DESC LIMIT $2";

const TURN: &str = "SELECT turn, item, message FROM entries \
    WHERE thread_id = $1 AND seq >= $2 AND turn = $3 ORDER BY seq";
