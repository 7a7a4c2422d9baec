//! Statements on the journal of effects (ADR 12). Which calls need it is decided in `chat`.

use sqlx::{Row, query};

use super::rows::key;
use super::{SqlResult, SqlStore, StoreFault};
use base::domain::ItemId;
use chat::{DoneEffect, Known, Lease, NewEffect, Resource};

impl SqlStore {
    pub(super) async fn insert_effect(
        &self,
        lease: &Lease,
        effect: &NewEffect,
    ) -> SqlResult<Known> {
        let intend = query(self.database.dialect().either(INTEND, INTEND_LOCKED))
            .bind(lease.resource.as_str())
            .bind(effect.root.as_str())
            .bind(effect.key.as_str())
            .bind(key(&effect.tool))
            .bind(key(&effect.arguments))
            .bind(lease.epoch);
        if self.database.execute(intend).await? > 0 {
            return Ok(Known::New);
        }
        let known = query(KNOWN)
            .bind(lease.resource.as_str())
            .bind(effect.root.as_str())
            .bind(effect.key.as_str())
            .fetch_optional(self.database.reads())
            .await?;
        // Neither inserted nor there: the lease selected no row.
        let known = known.ok_or(StoreFault::Lost)?;
        let (output, epoch): (Option<String>, i64) =
            (known.try_get("output")?, known.try_get("epoch")?);
        Ok(match output {
            Some(output) => Known::Done(output),
            // An earlier attempt of ours was committed and only its answer was lost: the call was
            // not made yet. Any other open entry may have had its effect (ADR 12).
            None if epoch == lease.epoch => Known::New,
            None => Known::Begun,
        })
    }

    pub(super) async fn update_effect(
        &self,
        lease: &Lease,
        effect: &str,
        output: &str,
    ) -> SqlResult<()> {
        // Without a check of the epoch: what the tool answered is true even if the lease was
        // lost, and the next try must find it (ADR 12).
        let conclude = query("UPDATE effects SET output = $3 WHERE resource = $1 AND key = $2")
            .bind(lease.resource.as_str())
            .bind(effect)
            .bind(key(output));
        self.database.execute(conclude).await?;
        Ok(())
    }

    pub(super) async fn delete_effect(&self, lease: &Lease, effect: &str) -> SqlResult<()> {
        let withdraw = query(WITHDRAW).bind(lease.resource.as_str()).bind(effect).bind(lease.epoch);
        self.database.execute(withdraw).await?;
        Ok(())
    }

    pub(super) async fn select_effects(
        &self,
        resource: &Resource,
        root: &ItemId,
    ) -> SqlResult<Vec<DoneEffect>> {
        let rows = query(EFFECTS).bind(key(resource.as_str())).bind(key(root.as_str()));
        let rows = rows.fetch_all(self.database.reads()).await?;
        let effect = |row: &sqlx::any::AnyRow| {
            let effect = NewEffect {
                root: root.clone(),
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
            "INSERT INTO effects (resource, root, key, seq, tool, arguments, epoch) ",
            "SELECT l.resource, $2, $3, (SELECT COALESCE(MAX(e.seq), 0) + 1 FROM effects AS e ",
            "WHERE e.resource = l.resource AND e.root = $2), $4, $5, l.epoch ",
            "FROM leases AS l WHERE l.resource = $1 AND l.epoch = $6",
            $lock,
            " ON CONFLICT (resource, root, key) DO NOTHING"
        )
    };
}

const INTEND: &str = intend!("");
const INTEND_LOCKED: &str = intend!(" FOR SHARE OF l");

/// A stale holder must not remove what its successor has begun.
const WITHDRAW: &str = "DELETE FROM effects WHERE resource = $1 AND key = $2 \
    AND output IS NULL \
    AND EXISTS (SELECT 1 FROM leases AS l WHERE l.resource = $1 AND l.epoch = $3)";

const KNOWN: &str =
    "SELECT output, epoch FROM effects WHERE resource = $1 AND root = $2 AND key = $3";

const EFFECTS: &str = "SELECT key, tool, arguments, output FROM effects \
    WHERE resource = $1 AND root = $2 ORDER BY seq";
