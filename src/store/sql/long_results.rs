//! Statements on long results (ADR 48). Pages are rows, so that one is read without the others.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::rows::key;
use super::{SqlResult, SqlStore, StoreFault};
use base::domain::{ResultId, ToolId};
use chat::{
    Lease, LongResult, LongResults, MAX_KEPT_BYTES, MAX_KEPT_RESULTS, PageRange, Resource,
    ResultPage, StoreResult,
};

impl SqlStore {
    /// `pages` is the pages as JSON, so that one statement writes them all.
    async fn write_pages(&self, lease: &Lease, result: &LongResult, pages: &str) -> SqlResult<()> {
        let write = query(self.database.dialect().either(WRITE, WRITE_POSTGRES))
            .bind(lease.resource.as_str().to_owned())
            .bind(result.id.as_str().to_owned())
            .bind(number(result.pages.len()))
            .bind(number(result.bytes()))
            .bind(result.origin.as_ref().map(|origin| key(&origin.server)))
            .bind(result.origin.as_ref().map(|origin| key(&origin.tool)))
            .bind(pages.to_owned())
            .bind(lease.epoch);
        if self.database.execute(write).await? == 0 {
            return Err(StoreFault::Lost);
        }
        self.make_room(lease, result).await;
        Ok(())
    }

    /// The result is kept by now, so it is not lost if this fails: the next one makes room again.
    async fn make_room(&self, lease: &Lease, result: &LongResult) {
        let trim = query(TRIM)
            .bind(lease.resource.as_str().to_owned())
            .bind(result.id.as_str().to_owned())
            .bind(number(result.pages.len()))
            .bind(number(MAX_KEPT_RESULTS))
            .bind(number(MAX_KEPT_BYTES));
        let sweep = query(self.database.dialect().either(SWEEP, SWEEP_POSTGRES));
        for statement in [trim, sweep] {
            if let Err(error) = self.database.execute(statement).await {
                tracing::warn!(%error, "Old results of tools were not deleted");
            }
        }
    }

    async fn select_pages(
        &self,
        resource: &Resource,
        result: &ResultId,
        range: PageRange,
    ) -> SqlResult<Vec<ResultPage>> {
        let first = number(range.first);
        let pages = query(PAGES)
            .bind(key(resource.as_str()))
            .bind(key(result.as_str()))
            .bind(first)
            .bind(first.saturating_add(number(range.count)));
        let rows = pages.fetch_all(self.database.reads()).await?;
        rows.iter().map(page_of).collect()
    }
}

impl LongResults for SqlStore {
    fn keep<'a>(
        &'a self,
        lease: &'a Lease,
        result: &'a LongResult,
    ) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let pages = result.pages.iter().map(|page| key(page)).collect::<Vec<_>>();
            let pages = &json!(pages).to_string();
            self.database.call(|| self.write_pages(lease, result, pages)).await
        }
        .boxed()
    }

    fn pages<'a>(
        &'a self,
        resource: &'a Resource,
        result: &'a ResultId,
        range: PageRange,
    ) -> BoxFuture<'a, StoreResult<Vec<ResultPage>>> {
        self.database.call(move || self.select_pages(resource, result, range)).boxed()
    }
}

fn page_of(row: &AnyRow) -> SqlResult<ResultPage> {
    let (server, tool): (Option<String>, Option<String>) =
        (row.try_get("server")?, row.try_get("tool")?);
    let origin =
        server.zip(tool).map(|(server, tool)| ToolId { server: server.into(), tool: tool.into() });
    let count = |column| row.try_get(column).map(|it: i64| usize::try_from(it).unwrap_or(0));
    Ok(ResultPage {
        number: count("page")?,
        pages: count("pages")?,
        origin,
        text: row.try_get("text")?,
    })
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

macro_rules! write {
    ($each:literal, $lock:literal) => {
        concat!(
            "INSERT INTO result_pages ",
            "(resource, result, page, pages, bytes, server, tool, kept_at, text) ",
            "SELECT l.resource, $2, p.place, CAST($3 AS BIGINT), CAST($4 AS BIGINT), ",
            "CAST($5 AS TEXT), CAST($6 AS TEXT), (SELECT ms FROM clock), p.text ",
            "FROM leases AS l CROSS JOIN ",
            $each,
            " WHERE l.resource = $1 AND l.epoch = $8",
            $lock,
            " ON CONFLICT (resource, result, page) DO UPDATE SET pages = excluded.pages, ",
            "bytes = excluded.bytes, server = excluded.server, tool = excluded.tool, ",
            "kept_at = excluded.kept_at, text = excluded.text"
        )
    };
}

const WRITE: &str = write!("(SELECT key + 1 AS place, value AS text FROM json_each($7)) AS p", "");
const WRITE_POSTGRES: &str = write!(
    "json_array_elements_text(CAST($7 AS JSON)) WITH ORDINALITY AS p (text, place)",
    " FOR SHARE OF l"
);

macro_rules! is_old {
    ($row:literal) => {
        concat!($row, ".kept_at < (SELECT ms FROM clock) - 86400000")
    };
}

/// What an earlier answer to the same call had more, and the oldest results beyond the limits.
const TRIM: &str = "DELETE FROM result_pages WHERE resource = $1 \
    AND ((result = $2 AND page > $3) OR result IN ( \
        SELECT o.result FROM ( \
            SELECT h.result, ROW_NUMBER() OVER (ORDER BY h.kept_at DESC, h.result) AS place, \
                SUM(h.bytes) OVER (ORDER BY h.kept_at DESC, h.result) AS total \
            FROM result_pages AS h WHERE h.resource = $1 AND h.page = 1) AS o \
        WHERE (o.place > $4 OR o.total > $5) AND o.result <> $2))";

macro_rules! sweep {
    ($lock:literal) => {
        concat!(
            "DELETE FROM result_pages WHERE (resource, result) IN ( ",
            "SELECT o.resource, o.result FROM result_pages AS o WHERE o.page = 1 AND ",
            is_old!("o"),
            " ORDER BY o.kept_at LIMIT 8",
            $lock,
            ")"
        )
    };
}

/// A few with each new one: more go than come.
const SWEEP: &str = sweep!("");
/// What another replica sweeps at this moment is left to it.
const SWEEP_POSTGRES: &str = sweep!(" FOR UPDATE SKIP LOCKED");

const PAGES: &str = concat!(
    "SELECT p.page, p.pages, p.server, p.tool, p.text FROM result_pages AS p ",
    "WHERE p.resource = $1 AND p.result = $2 AND p.page >= $3 AND p.page < $4 AND NOT (",
    is_old!("p"),
    ") ORDER BY p.page"
);
