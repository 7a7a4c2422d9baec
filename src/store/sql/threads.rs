//! Statements on threads: create, read, list, rename, delete, rate.

use std::sync::Arc;

use sqlx::{query, query_scalar};

use super::super::batch_writer::{Row, Text};
use super::super::database::{SqlDialect, Statement};
use super::super::memory::cut;
use super::receipts::key_taken;
use super::rows::{EntryRow, RequestRow, key, start, thread_columns, thread_of};
use super::{SqlResult, SqlStore, StoreFault};
use base::domain::{ItemId, Order, Owner, Page, PageRequest, Thread, ThreadId};
use chat::{Beginning, LEASE, Lease, Naming, Rating, Resource};

/// A new thread with the beginning of its first turn.
#[derive(Debug)]
pub(super) struct NewThread {
    thread: ThreadId,
    owner: String,
    title: Option<String>,
    status: String,
    created_at: i64,
    first: EntryRow,
    request: RequestRow,
}

impl NewThread {
    pub(super) fn new(thread: &Thread, first: &Beginning) -> SqlResult<Self> {
        // A thread is only created by a message: without an entry it would be listed empty.
        let entry = first.entries.first().ok_or(StoreFault::Lost)?;
        Ok(Self {
            thread: thread.id.clone(),
            owner: key(thread.owner.as_str()),
            title: thread.title.clone(),
            status: serde_json::to_string(&thread.status)?,
            created_at: thread.created_at.as_microsecond(),
            first: EntryRow::new(entry)?,
            request: RequestRow::new(first),
        })
    }
}

impl Row for NewThread {
    fn text(_: SqlDialect) -> Text {
        BEGIN_THREAD
    }

    fn thread(&self) -> &str {
        self.thread.as_str()
    }

    fn bind(&self, statement: Statement<'static>) -> Statement<'static> {
        let Self { thread, owner, title, status, created_at, first, request } = self;
        statement
            .bind(thread.as_str())
            .bind(owner.as_str())
            .bind(title.as_deref())
            .bind(status.as_str())
            .bind(*created_at)
            .bind(millis(LEASE))
            .bind(request.attempt.as_str())
            .bind(first.id.as_str())
            .bind(first.root.as_str())
            .bind(first.item.as_deref())
            .bind(first.message.as_deref())
            .bind(request.key())
            .bind(request.body())
            .bind(request.replaces())
            .bind(request.key())
            .bind(request.attempt.as_str())
            .bind(request.replaces())
    }
}

impl SqlStore {
    pub(super) async fn insert_thread(&self, new: &Arc<NewThread>) -> SqlResult<Option<Lease>> {
        let is_kept = match self.beginnings.write(new).await.map_err(StoreFault::from) {
            Err(fault) if fault.is_key_taken() => false,
            written => written?,
        };
        Ok(is_kept.then(|| Lease { resource: Resource::from(&new.thread), epoch: 1 }))
    }

    pub(super) async fn select_thread(
        &self,
        owner: &Owner,
        id: &ThreadId,
    ) -> SqlResult<Option<Thread>> {
        let row = query(THREAD).bind(key(id.as_str())).bind(key(owner.as_str()));
        let row = row.fetch_optional(self.database.reads()).await?;
        row.map(|row| thread_of(&row)).transpose()
    }

    pub(super) async fn select_threads(
        &self,
        owner: &Owner,
        page: &PageRequest,
    ) -> SqlResult<Page<Thread>> {
        let (after, id) = match &page.after {
            Some(after) => {
                let time = query_scalar(CREATED_AT)
                    .bind(key(after))
                    .bind(key(owner.as_str()))
                    .fetch_optional(self.database.reads())
                    .await?;
                (time.ok_or(StoreFault::UnknownCursor)?, after.as_str())
            }
            None => start(page.order),
        };
        let rows = query(match page.order {
            Order::Asc => THREADS_ASC,
            Order::Desc => THREADS_DESC,
        });
        let rows = rows.bind(after).bind(id).bind(i64::from(page.limit) + 1);
        let rows = rows.bind(key(owner.as_str()));
        let rows = rows.fetch_all(self.database.reads()).await?;
        let threads: SqlResult<Vec<_>> = rows.iter().map(thread_of).collect();
        Ok(cut(threads?, page.limit, |thread| thread.id.as_str()))
    }

    pub(super) async fn update_title(
        &self,
        owner: &Owner,
        id: &ThreadId,
        title: &str,
        naming: Naming,
    ) -> SqlResult<Option<Thread>> {
        let rows = query(match naming {
            Naming::Always => RENAME,
            Naming::IfNone => NAME,
        });
        let rows = rows.bind(key(id.as_str())).bind(title).bind(key(owner.as_str()));
        let rows = self.database.fetch(rows).await?;
        rows.first().map(thread_of).transpose()
    }

    pub(super) async fn delete_thread(&self, owner: &Owner, id: &ThreadId) -> SqlResult<bool> {
        // A trigger deletes the thread with its lease. All statements lock the lease first, so that
        // two of them cannot deadlock (ADR 23).
        let delete = query("DELETE FROM leases WHERE resource = $1 AND owner = $2");
        let delete = delete.bind(key(id.as_str())).bind(key(owner.as_str()));
        Ok(self.database.execute(delete).await? > 0)
    }

    pub(super) async fn upsert_ratings(
        &self,
        owner: &Owner,
        thread: &ThreadId,
        items: &[ItemId],
        rating: Rating,
    ) -> SqlResult<()> {
        let word = match rating {
            Rating::Positive => "positive",
            Rating::Negative => "negative",
        };
        for item in items {
            let rate = query(RATE).bind(key(thread.as_str())).bind(key(item.as_str())).bind(word);
            self.database.execute(rate.bind(key(owner.as_str()))).await?;
        }
        Ok(())
    }
}

pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The trigger ignores a thread id that exists: ids are random, so an earlier attempt of this
/// write was committed.
const BEGIN_THREAD: Text = Text {
    head: "INSERT INTO beginnings (thread_id, owner, title, status, created_at, held_for, attempt, \
        id, root, item, message, key, body, replaces) ",
    row: concat!(
        "SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
        "CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ",
        "CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT) ",
        "WHERE NOT EXISTS ",
        key_taken!()
    ),
    between: " UNION ALL ",
    tail: " RETURNING thread_id",
};

const THREAD: &str =
    concat!("SELECT ", thread_columns!(), " FROM threads WHERE id = $1 AND owner = $2");

const CREATED_AT: &str = "SELECT created_at FROM threads WHERE id = $1 AND owner = $2";

const THREADS_ASC: &str = concat!(
    "SELECT ",
    thread_columns!(),
    " FROM threads WHERE owner = $4 AND (created_at, id) > ($1, $2) \
    ORDER BY created_at, id LIMIT $3"
);

const THREADS_DESC: &str = concat!(
    "SELECT ",
    thread_columns!(),
    " FROM threads WHERE owner = $4 AND (created_at, id) < ($1, $2) \
    ORDER BY created_at DESC, id DESC LIMIT $3"
);

const RENAME: &str = concat!(
    "UPDATE threads SET title = $2 WHERE id = $1 AND owner = $3 RETURNING ",
    thread_columns!()
);

const NAME: &str = concat!(
    "UPDATE threads SET title = $2 WHERE id = $1 AND owner = $3 AND title IS NULL RETURNING ",
    thread_columns!()
);

/// An unknown item is silently not rated.
const RATE: &str = "INSERT INTO ratings (thread_id, item_id, rating, rated_at) \
    SELECT thread_id, id, $3, (SELECT ms FROM clock) FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL \
    AND EXISTS (SELECT 1 FROM threads AS t WHERE t.id = $1 AND t.owner = $4) \
    ON CONFLICT (thread_id, item_id) DO UPDATE \
    SET rating = excluded.rating, rated_at = excluded.rated_at";
