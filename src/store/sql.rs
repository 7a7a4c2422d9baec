//! Threads in SQLite or PostgreSQL: one set of statements for both.

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Row, query, query_scalar};

use super::database::Database;
use super::fault::StoreFault;
use super::memory::cut;
use crate::chat::{Entry, Kept, Threads};
use crate::domain::{
    Dependency, Detail, HealthProbe, Item, Message, Order, Page, PageRequest, Thread, ThreadId,
};

/// Keeps threads in a database.
#[derive(Debug)]
pub struct SqlThreads(Database);

/// An entry as it is kept, made once: whoever keeps it again finds it kept already.
struct EntryRow {
    id: String,
    turn: String,
    item: Option<String>,
    message: Option<String>,
}

type Found<T> = Result<T, StoreFault>;

impl SqlThreads {
    /// Threads in this database.
    pub(super) fn new(database: Database) -> Self {
        Self(database)
    }

    async fn insert_thread(&self, thread: &Thread, first: &EntryRow) -> Found<()> {
        query(BEGIN_THREAD)
            .bind(thread.id.as_str())
            .bind(thread.title.as_deref())
            .bind(serde_json::to_string(&thread.status)?)
            .bind(thread.created_at.as_microsecond())
            .bind(first.id.as_str())
            .bind(first.turn.as_str())
            .bind(first.item.as_deref())
            .bind(first.message.as_deref())
            .execute(self.0.writes())
            .await?;
        Ok(())
    }

    /// One statement is a transaction of its own. Two writers that draw the same number are told
    /// apart by the primary key, and the later one draws again.
    async fn append(&self, thread: &ThreadId, entry: &EntryRow) -> Found<()> {
        let mut result = self.insert(thread, entry).await;
        while result.as_ref().is_err_and(StoreFault::is_taken) {
            result = self.insert(thread, entry).await;
        }
        result
    }

    async fn insert(&self, thread: &ThreadId, entry: &EntryRow) -> Found<()> {
        query(INSERT_ENTRY)
            .bind(key(thread.as_str()))
            .bind(entry.id.as_str())
            .bind(entry.turn.as_str())
            .bind(entry.item.as_deref())
            .bind(entry.message.as_deref())
            .execute(self.0.writes())
            .await?;
        Ok(())
    }

    async fn select_thread(&self, id: &ThreadId) -> Found<Option<Thread>> {
        let row = query("SELECT id, title, status, created_at FROM threads WHERE id = $1")
            .bind(key(id.as_str()))
            .fetch_optional(self.0.reads())
            .await?;
        row.map(|row| thread_of(&row)).transpose()
    }

    async fn select_threads(&self, page: &PageRequest) -> Found<Page<Thread>> {
        let (after, id) = match &page.after {
            Some(after) => {
                let time = query_scalar("SELECT created_at FROM threads WHERE id = $1")
                    .bind(key(after))
                    .fetch_optional(self.0.reads())
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
        let rows = rows.fetch_all(self.0.reads()).await?;
        let threads: Found<Vec<_>> = rows.iter().map(thread_of).collect();
        Ok(cut(threads?, page.limit, |thread| thread.id.as_str()))
    }

    async fn select_items(&self, thread: &ThreadId, page: &PageRequest) -> Found<Page<Item>> {
        let after: i64 = match &page.after {
            Some(after) => {
                let seq = query_scalar(SEQ_OF_ITEM).bind(key(thread.as_str())).bind(key(after));
                seq.fetch_optional(self.0.reads()).await?.ok_or(StoreFault::UnknownCursor)?
            }
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

    async fn select_messages(&self, thread: &ThreadId, limit: u32) -> Found<Vec<Message>> {
        let rows = query_scalar(MESSAGES_DESC).bind(key(thread.as_str())).bind(i64::from(limit));
        let rows: Vec<String> = rows.fetch_all(self.0.reads()).await?;
        let messages = rows.iter().rev().map(|row| serde_json::from_str(row));
        Ok(messages.collect::<Result<_, _>>()?)
    }
}

impl EntryRow {
    fn new(entry: &Entry) -> Result<Self, serde_json::Error> {
        let id = entry.item.as_ref().map(|item| item.id.to_string());
        Ok(Self {
            id: id.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string()),
            turn: entry.turn.to_string(),
            item: entry.item.as_ref().map(serde_json::to_string).transpose()?,
            message: entry.message.as_ref().map(serde_json::to_string).transpose()?,
        })
    }
}

/// A thread's id is new in the world: if it is there, an earlier attempt was committed.
const BEGIN_THREAD: &str = "INSERT INTO beginnings \
    (thread_id, title, status, created_at, id, turn, item, message) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// An entry that is there already is replaced where it stands.
const INSERT_ENTRY: &str = "INSERT INTO entries (thread_id, seq, id, turn, item, message) \
    SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, CAST($4 AS TEXT), CAST($5 AS TEXT) \
    FROM entries WHERE thread_id = $1 ON CONFLICT (thread_id, id) DO UPDATE \
    SET item = excluded.item, message = COALESCE(excluded.message, entries.message)";

const THREADS_ASC: &str = "SELECT id, title, status, created_at FROM threads \
    WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3";

const THREADS_DESC: &str = "SELECT id, title, status, created_at FROM threads \
    WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3";

const SEQ_OF_ITEM: &str = "SELECT seq FROM entries \
    WHERE thread_id = $1 AND id = $2 AND item IS NOT NULL";

const ITEMS_ASC: &str = "SELECT item FROM entries \
    WHERE thread_id = $1 AND seq > $2 AND item IS NOT NULL ORDER BY seq LIMIT $3";

const ITEMS_DESC: &str = "SELECT item FROM entries \
    WHERE thread_id = $1 AND seq < $2 AND item IS NOT NULL ORDER BY seq DESC LIMIT $3";

const MESSAGES_DESC: &str = "SELECT message FROM entries \
    WHERE thread_id = $1 AND message IS NOT NULL ORDER BY seq DESC LIMIT $2";

impl Threads for SqlThreads {
    fn create<'a>(&'a self, thread: &'a Thread, first: Entry) -> BoxFuture<'a, Kept<()>> {
        async move {
            let first = EntryRow::new(&first).map_err(StoreFault::from)?;
            self.0.call(|| self.insert_thread(thread, &first)).await
        }
        .boxed()
    }

    fn find<'a>(&'a self, id: &'a ThreadId) -> BoxFuture<'a, Kept<Option<Thread>>> {
        self.0.call(|| self.select_thread(id)).boxed()
    }

    fn list<'a>(&'a self, page: &'a PageRequest) -> BoxFuture<'a, Kept<Page<Thread>>> {
        self.0.call(|| self.select_threads(page)).boxed()
    }

    fn items<'a>(
        &'a self,
        thread: &'a ThreadId,
        page: &'a PageRequest,
    ) -> BoxFuture<'a, Kept<Page<Item>>> {
        self.0.call(|| self.select_items(thread, page)).boxed()
    }

    fn add<'a>(&'a self, thread: &'a ThreadId, entry: Entry) -> BoxFuture<'a, Kept<()>> {
        async move {
            let entry = EntryRow::new(&entry).map_err(StoreFault::from)?;
            self.0.call(|| self.append(thread, &entry)).await
        }
        .boxed()
    }

    fn transcript<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: u32,
    ) -> BoxFuture<'a, Kept<Vec<Message>>> {
        self.0.call(move || self.select_messages(thread, limit)).boxed()
    }
}

impl HealthProbe for SqlThreads {
    fn report(&self) -> Vec<Dependency> {
        let (name, breaker) = ("database".to_owned(), self.0.report());
        vec![Dependency { name, breaker, detail: Detail::Database }]
    }
}

fn thread_of(row: &AnyRow) -> Found<Thread> {
    let id: String = row.try_get("id")?;
    let status: String = row.try_get("status")?;
    let created_at = Timestamp::from_microsecond(row.try_get("created_at")?);
    let created_at = created_at.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let (title, status) = (row.try_get("title")?, serde_json::from_str(&status)?);
    Ok(Thread { id: id.into(), title, created_at, status })
}

/// Before the first row in this order, whatever it is.
fn start(order: Order) -> (i64, &'static str) {
    match order {
        Order::Asc => (i64::MIN, ""),
        Order::Desc => (i64::MAX, ""),
    }
}

/// An id that any database takes: PostgreSQL refuses NUL, which no id of ours has.
fn key(id: &str) -> String {
    id.replace('\0', "\u{fffd}")
}
