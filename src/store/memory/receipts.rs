//! Receipts of requests in memory (ADR 22). What a copy of a request gets is decided in `chat`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use base::domain::ThreadId;
use chat::{Ended, NewReceipt, Receipt, Settlement};

/// Beyond this, a new receipt replaces the oldest.
const MAX_RECEIPTS: usize = 10_000;

/// How long a key identifies its request (ADR 14).
const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Default)]
pub(super) struct ReceiptBook {
    by_key: HashMap<String, KeptReceipt>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct KeptReceipt {
    receipt: Receipt,
    at: Instant,
    ended: Option<(Instant, Settlement)>,
}

impl ReceiptBook {
    /// Also returns how the last try ended; none while it runs or if its process died.
    pub(super) fn find(&self, key: &str) -> Option<(&Receipt, Option<Ended>)> {
        let noted = self.by_key.get(key).filter(|noted| noted.at.elapsed() < DAY)?;
        let ended = noted.ended.as_ref();
        let ended =
            ended.map(|(at, settled)| Ended { ago: at.elapsed(), ending: settled.ending.clone() });
        Some((&noted.receipt, ended))
    }

    /// Whether the key belongs to another try than this one or the one that it replaces.
    pub(super) fn is_taken(&self, new: &NewReceipt, attempt: &str) -> bool {
        self.find(&new.key).is_some_and(|(there, _)| {
            there.attempt != attempt && Some(&there.attempt) != new.replaces.as_ref()
        })
    }

    pub(super) fn note(&mut self, new: NewReceipt, thread: &ThreadId, attempt: &str) {
        let NewReceipt { key, body, item, is_new, replaces: _ } = new;
        let (thread, attempt) = (thread.clone(), attempt.to_owned());
        let receipt = Receipt { key: key.clone(), body, attempt, thread, item, is_new };
        let noted = KeptReceipt { receipt, at: Instant::now(), ended: None };
        if self.by_key.insert(key.clone(), noted).is_none() {
            self.order.push_back(key);
            if self.order.len() > MAX_RECEIPTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_key.remove(&oldest);
            }
        }
    }

    /// Ignored unless the try is the last one: an older try must not end a newer one.
    pub(super) fn settle(&mut self, settlement: &Settlement) {
        if let Some(noted) = self.by_key.get_mut(&settlement.key)
            && noted.receipt.attempt == settlement.attempt
        {
            noted.ended = Some((Instant::now(), settlement.clone()));
        }
    }

    /// A receipt is deleted with its thread: the same request is then a new one (ADR 22).
    pub(super) fn forget(&mut self, thread: &ThreadId) {
        self.by_key.retain(|_, noted| noted.receipt.thread != *thread);
        let by_key = &self.by_key;
        self.order.retain(|key| by_key.contains_key(key));
    }
}
