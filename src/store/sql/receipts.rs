//! Statements about requests that may come twice.

use sqlx::{Row, query, query_scalar};

use super::rows::ReceiptRow;
use super::{Found, SqlStore};
use crate::chat::Receipt;

impl SqlStore {
    pub(super) async fn insert_receipt(&self, receipt: &Receipt) -> Found<Option<Receipt>> {
        let ReceiptRow { key, request, receipt: value } = ReceiptRow::new(receipt)?;
        let kept = self.database.fetch(query(INSERT).bind(key).bind(request).bind(value)).await?;
        let kept = kept.first().map(|row| row.try_get("receipt")).transpose()?;
        // Ours, if nobody was there before, or if an earlier attempt of ours was committed.
        Ok(parsed(kept)?.filter(|kept| kept.request != receipt.request))
    }

    pub(super) async fn select_receipt(&self, key: &str) -> Found<Option<Receipt>> {
        let kept = query_scalar("SELECT receipt FROM receipts WHERE key = $1").bind(key);
        parsed(kept.fetch_optional(self.database.reads()).await?)
    }

    pub(super) async fn replace_receipt(&self, old: &Receipt, new: &Receipt) -> Found<bool> {
        let ReceiptRow { request, receipt, .. } = ReceiptRow::new(new)?;
        let replace = query(REPLACE).bind(old.key.as_str()).bind(old.request.as_str());
        Ok(self.database.execute(replace.bind(request).bind(receipt)).await? > 0)
    }

    pub(super) async fn update_receipt(&self, receipt: &Receipt) -> Found<()> {
        let ReceiptRow { key, request, receipt } = ReceiptRow::new(receipt)?;
        self.database.execute(query(SETTLE).bind(key).bind(request).bind(receipt)).await?;
        Ok(())
    }
}

fn parsed(kept: Option<String>) -> Found<Option<Receipt>> {
    Ok(kept.as_deref().map(serde_json::from_str).transpose()?)
}

/// What stands there is left alone and given back. The column `turn` has its name from a time when
/// each request had a turn of its own.
const INSERT: &str = "INSERT INTO receipts (key, turn, receipt, received_at) \
    VALUES ($1, $2, $3, (SELECT ms FROM clock)) \
    ON CONFLICT (key) DO UPDATE SET turn = receipts.turn RETURNING receipt";

const SETTLE: &str = "UPDATE receipts SET receipt = $3 WHERE key = $1 AND turn = $2";

const REPLACE: &str = "UPDATE receipts \
    SET turn = $3, receipt = $4, received_at = (SELECT ms FROM clock) \
    WHERE key = $1 AND turn = $2";
