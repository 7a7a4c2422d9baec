//! Conversions between our values and rows.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlResult;
use base::domain::{Cost, ItemId, Order, Owner, Spend, Thread, Usage};
use chat::{Beginning, Entry, NewReceipt};

/// The columns that [`thread_of`] reads.
macro_rules! thread_columns {
    () => {
        "id, owner, title, status, created_at, granted, input_tokens, cached_tokens, output_tokens, \
        thinking_tokens, cost_nanos, unpriced_calls"
    };
}
pub(super) use thread_columns;

/// An entry as it is stored. Built once per write: its id makes a repeated attempt find its row.
#[derive(Debug)]
pub(super) struct EntryRow {
    pub(super) id: String,
    pub(super) root: String,
    pub(super) item: Option<String>,
    pub(super) message: Option<String>,
}

impl EntryRow {
    pub(super) fn new(entry: &Entry) -> Result<Self, serde_json::Error> {
        let id = entry.item.as_ref().map(|item| item.id.to_string());
        Ok(Self {
            id: id.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string()),
            root: entry.root.to_string(),
            item: entry.item.as_ref().map(serde_json::to_string).transpose()?,
            message: entry.message.as_ref().map(serde_json::to_string).transpose()?,
        })
    }
}

#[derive(Debug)]
pub(super) struct RequestRow {
    pub(super) attempt: String,
    pub(super) receipt: Option<NewReceipt>,
}

impl RequestRow {
    pub(super) fn new(beginning: &Beginning) -> Self {
        Self { attempt: beginning.attempt.clone(), receipt: beginning.receipt.clone() }
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.receipt.as_ref().map(|receipt| receipt.key.as_str())
    }

    pub(super) fn body(&self) -> Option<&str> {
        self.receipt.as_ref().map(|receipt| receipt.body.as_str())
    }

    /// The earlier try that this one continues, if any.
    pub(super) fn replaces(&self) -> Option<&str> {
        self.receipt.as_ref()?.replaces.as_deref()
    }
}

pub(super) fn entry_of(row: &AnyRow) -> SqlResult<Entry> {
    let (root, item, message): (String, Option<String>, Option<String>) =
        (row.try_get("root")?, row.try_get("item")?, row.try_get("message")?);
    Ok(Entry {
        root: ItemId::from(root),
        item: item.as_deref().map(serde_json::from_str).transpose()?,
        message: message.as_deref().map(serde_json::from_str).transpose()?,
    })
}

pub(super) fn thread_of(row: &AnyRow) -> SqlResult<Thread> {
    let id: String = row.try_get("id")?;
    let status: String = row.try_get("status")?;
    let created_at = Timestamp::from_microsecond(row.try_get("created_at")?);
    let created_at = created_at.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let (title, status) = (row.try_get("title")?, serde_json::from_str(&status)?);
    let owner = Owner::named(row.try_get("owner")?);
    let granted: Option<String> = row.try_get("granted")?;
    let granted = granted.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    let spent = spend_of(row)?;
    Ok(Thread { id: id.into(), owner, title, created_at, status, spent, granted })
}

fn spend_of(row: &AnyRow) -> SqlResult<Spend> {
    // `amount` never writes a negative number.
    let count = |column| row.try_get(column).map(|count: i64| count.unsigned_abs());
    let usage = Usage {
        input_tokens: count("input_tokens")?,
        cached_tokens: count("cached_tokens")?,
        output_tokens: count("output_tokens")?,
        thinking_tokens: count("thinking_tokens")?,
    };
    let cost = Cost::from_nanos(count("cost_nanos")?);
    Ok(Spend { usage, cost, unpriced_calls: count("unpriced_calls")? })
}

pub(super) fn amount(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A position before every row in this order.
pub(super) fn start(order: Order) -> (i64, &'static str) {
    match order {
        Order::Asc => (i64::MIN, ""),
        Order::Desc => (i64::MAX, ""),
    }
}

/// Text that both databases accept: PostgreSQL refuses NUL. Ids come from clients as well; none of
/// ours has a NUL, so the result is simply not found.
pub(super) fn key(id: &str) -> String {
    id.replace('\0', "\u{fffd}")
}
