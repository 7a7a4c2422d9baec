//! Statements about what was done in the world.

use sqlx::{Row, query, query_scalar};

use super::rows::key;
use super::{Found, SqlStore, StoreFault};
use crate::chat::{DoneEffect, Known, Lease, NewEffect};
use crate::domain::{ItemId, ThreadId};

impl SqlStore {
    pub(super) async fn insert_effect(&self, lease: &Lease, effect: &NewEffect) -> Found<Known> {
        let intend = query(self.database.dialect().either(INTEND, INTEND_LOCKED))
            .bind(lease.thread.as_str())
            .bind(effect.turn.as_str())
            .bind(effect.key.as_str())
            .bind(key(&effect.tool))
            .bind(key(&effect.arguments))
            .bind(lease.epoch);
        if self.database.execute(intend).await? > 0 {
            return Ok(Known::New);
        }
        let output = query_scalar::<_, Option<String>>(OUTPUT)
            .bind(lease.thread.as_str())
            .bind(effect.turn.as_str())
            .bind(effect.key.as_str())
            .fetch_optional(self.database.reads())
            .await?;
        Ok(output.ok_or(StoreFault::Lost)?.map_or(Known::Begun, Known::Done))
    }

    pub(super) async fn update_effect(
        &self,
        lease: &Lease,
        effect: &str,
        output: &str,
    ) -> Found<()> {
        let conclude = query("UPDATE effects SET output = $3 WHERE thread_id = $1 AND key = $2")
            .bind(lease.thread.as_str())
            .bind(effect)
            .bind(key(output));
        self.database.execute(conclude).await?;
        Ok(())
    }

    pub(super) async fn delete_effect(&self, lease: &Lease, effect: &str) -> Found<()> {
        let withdraw = query(WITHDRAW).bind(lease.thread.as_str()).bind(effect).bind(lease.epoch);
        self.database.execute(withdraw).await?;
        Ok(())
    }

    pub(super) async fn select_effects(
        &self,
        thread: &ThreadId,
        turn: &ItemId,
    ) -> Found<Vec<DoneEffect>> {
        let rows = query(EFFECTS).bind(key(thread.as_str())).bind(key(turn.as_str()));
        let rows = rows.fetch_all(self.database.reads()).await?;
        let effect = |row: &sqlx::any::AnyRow| {
            let effect = NewEffect {
                turn: turn.clone(),
                key: row.try_get("key")?,
                tool: row.try_get("tool")?,
                arguments: row.try_get("arguments")?,
            };
            Ok(DoneEffect { effect, output: row.try_get("output")? })
        };
        rows.iter().map(effect).collect()
    }
}

macro_rules! intend {
    ($lock:literal) => {
        concat!(
            "INSERT INTO effects (thread_id, turn, key, seq, tool, arguments) ",
            "SELECT t.id, $2, $3, (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM effects AS e ",
            "WHERE e.thread_id = t.id AND e.turn = $2), $4, $5 ",
            "FROM threads AS t WHERE t.id = $1 AND t.epoch = $6",
            $lock,
            " ON CONFLICT (thread_id, turn, key) DO NOTHING"
        )
    };
}

const INTEND: &str = intend!("");
const INTEND_LOCKED: &str = intend!(" FOR SHARE OF t");

/// A holder of the past must not strike out what its successor has begun.
const WITHDRAW: &str = "DELETE FROM effects WHERE thread_id = $1 AND key = $2 \
    AND output IS NULL \
    AND EXISTS (SELECT 1 FROM threads AS t WHERE t.id = $1 AND t.epoch = $3)";

const OUTPUT: &str = "SELECT output FROM effects WHERE thread_id = $1 AND turn = $2 AND key = $3";

const EFFECTS: &str = "SELECT key, tool, arguments, output FROM effects \
    WHERE thread_id = $1 AND turn = $2 ORDER BY seq";
