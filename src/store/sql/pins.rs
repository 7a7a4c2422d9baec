//! Statements on the pins of tools (ADR 40).

use std::collections::HashSet;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::rows::key;
use super::{SqlResult, SqlStore};
use base::domain::{KnownPin, MAX_PINS, Pins, PinsError, ToolDefinition, ToolPin};
use chat::ThreadsError;

impl Pins for SqlStore {
    fn meet<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<Vec<KnownPin>, PinsError>> {
        async move {
            self.database.call(|| self.meet_tools(server, tools)).await.map_err(unavailable)
        }
        .boxed()
    }

    fn pinned<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<ToolPin>, PinsError>> {
        async move { self.database.call(|| self.select_pins(server)).await.map_err(unavailable) }
            .boxed()
    }

    fn approve<'a>(
        &'a self,
        server: &'a str,
        tools: &'a [ToolPin],
    ) -> BoxFuture<'a, Result<(), PinsError>> {
        async move {
            let rows = rows(tools);
            self.database.call(|| self.upsert_pins(server, &rows)).await.map_err(unavailable)
        }
        .boxed()
    }
}

impl SqlStore {
    /// Writes only if there is something to write: this is asked again and again while a tool is held
    /// back.
    async fn meet_tools(&self, server: &str, tools: &[ToolPin]) -> SqlResult<Vec<KnownPin>> {
        let known = self.select_known(server, &HashSet::new()).await?;
        let names: HashSet<_> = known.iter().map(|pin| &*pin.tool).collect();
        let unknown = tools.iter().filter(|pin| !names.contains(&*pin.tool));
        let unknown: Vec<_> = unknown.cloned().collect();
        if unknown.is_empty() || known.len() >= MAX_PINS {
            return Ok(known);
        }
        let insert = query(self.database.dialect().either(INSERT, INSERT_POSTGRES));
        let insert = insert.bind(key(server)).bind(rows(&unknown));
        let new = self.database.fetch(insert).await?;
        let new = new.iter().map(|row| row.try_get("tool")).collect::<Result<_, _>>()?;
        self.select_known(server, &new).await
    }

    async fn select_known(&self, server: &str, new: &HashSet<String>) -> SqlResult<Vec<KnownPin>> {
        let rows = query(KNOWN).bind(key(server)).fetch_all(self.database.reads()).await?;
        let pin = |row: &AnyRow| {
            let (tool, fingerprint): (String, String) =
                (row.try_get("tool")?, row.try_get("fingerprint")?);
            let is_new = new.contains(&tool);
            Ok(KnownPin { tool: tool.into(), fingerprint: fingerprint.into(), is_new })
        };
        rows.iter().map(pin).collect()
    }

    async fn select_pins(&self, server: &str) -> SqlResult<Vec<ToolPin>> {
        let rows = query(PINNED).bind(key(server)).fetch_all(self.database.reads()).await?;
        let pin = |row: &AnyRow| {
            let (tool, fingerprint, text): (String, String, String) =
                (row.try_get("tool")?, row.try_get("fingerprint")?, row.try_get("definition")?);
            let definition = ToolDefinition { fingerprint: fingerprint.into(), text: text.into() };
            Ok(ToolPin { tool: tool.into(), definition })
        };
        rows.iter().map(pin).collect()
    }

    async fn upsert_pins(&self, server: &str, rows: &str) -> SqlResult<()> {
        let upsert = query(self.database.dialect().either(UPSERT, UPSERT_POSTGRES));
        let upsert = upsert.bind(key(server)).bind(rows.to_owned());
        self.database.execute(upsert).await?;
        Ok(())
    }
}

/// As JSON, so that one statement writes them all.
fn rows(tools: &[ToolPin]) -> String {
    let row = |ToolPin { tool, definition }: &ToolPin| {
        json!([key(tool), &*definition.fingerprint, key(&definition.text)])
    };
    tools.iter().map(row).collect::<Value>().to_string()
}

fn unavailable(error: ThreadsError) -> PinsError {
    PinsError(Box::new(error))
}

/// In the order of the names: two replicas that meet the same tools must not wait for each other.
macro_rules! insert {
    ($each:literal, $conflict:literal) => {
        concat!(
            "INSERT INTO tool_pins (server, tool, fingerprint, definition) ",
            "SELECT $1, p.value ->> 0, p.value ->> 1, p.value ->> 2 FROM ",
            $each,
            " WHERE TRUE ORDER BY p.value ->> 0 ON CONFLICT (server, tool) DO ",
            $conflict
        )
    };
}

const INSERT: &str = insert!("json_each($2) AS p", "NOTHING RETURNING tool");
const INSERT_POSTGRES: &str =
    insert!("json_array_elements(CAST($2 AS JSON)) AS p (value)", "NOTHING RETURNING tool");

const UPSERT: &str = insert!(
    "json_each($2) AS p",
    "UPDATE SET fingerprint = excluded.fingerprint, definition = excluded.definition"
);
const UPSERT_POSTGRES: &str = insert!(
    "json_array_elements(CAST($2 AS JSON)) AS p (value)",
    "UPDATE SET fingerprint = excluded.fingerprint, definition = excluded.definition"
);

const KNOWN: &str = "SELECT tool, fingerprint FROM tool_pins WHERE server = $1 ORDER BY tool";

const PINNED: &str =
    "SELECT tool, fingerprint, definition FROM tool_pins WHERE server = $1 ORDER BY tool";
