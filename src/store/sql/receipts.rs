//! Statements about requests that may come twice.

use sqlx::{query, query_scalar};

use super::{Found, SqlStore};
use crate::chat::Receipt;

impl SqlStore {
    pub(super) async fn insert_receipt(&self, receipt: &Receipt) -> Found<Option<Receipt>> {
        query(FORGET_OLD).execute(&mut *self.0.writes().await?).await?;
        query(INSERT)
            .bind(receipt.key.as_str())
            .bind(receipt.request.as_str())
            .bind(serde_json::to_string(receipt)?)
            .execute(&mut *self.0.writes().await?)
            .await?;
        // Ours, if nobody was there before, or if an earlier attempt of ours was committed.
        let kept = self.select_receipt(&receipt.key).await?;
        Ok(kept.filter(|kept| kept.request != receipt.request))
    }

    pub(super) async fn select_receipt(&self, key: &str) -> Found<Option<Receipt>> {
        let kept = query_scalar("SELECT receipt FROM receipts WHERE key = $1").bind(key);
        let kept: Option<String> = kept.fetch_optional(&mut *self.0.writes().await?).await?;
        Ok(kept.as_deref().map(serde_json::from_str).transpose()?)
    }

    pub(super) async fn replace_receipt(&self, old: &Receipt, new: &Receipt) -> Found<bool> {
        let replaced = query(REPLACE)
            .bind(old.key.as_str())
            .bind(old.request.as_str())
            .bind(new.request.as_str())
            .bind(serde_json::to_string(new)?)
            .execute(&mut *self.0.writes().await?)
            .await?;
        Ok(replaced.rows_affected() > 0)
    }

    pub(super) async fn update_receipt(&self, receipt: &Receipt) -> Found<()> {
        query("UPDATE receipts SET receipt = $3 WHERE key = $1 AND turn = $2")
            .bind(receipt.key.as_str())
            .bind(receipt.request.as_str())
            .bind(serde_json::to_string(receipt)?)
            .execute(&mut *self.0.writes().await?)
            .await?;
        Ok(())
    }
}

/// A day is as long as a client may take to ask again.
const FORGET_OLD: &str =
    "DELETE FROM receipts WHERE received_at < (SELECT ms FROM clock) - 86400000";

/// The column has its name from a time when each request had a turn of its own.
const INSERT: &str = "INSERT INTO receipts (key, turn, receipt, received_at) \
    VALUES ($1, $2, $3, (SELECT ms FROM clock)) ON CONFLICT (key) DO NOTHING";

const REPLACE: &str = "UPDATE receipts \
    SET turn = $3, receipt = $4, received_at = (SELECT ms FROM clock) \
    WHERE key = $1 AND turn = $2";
