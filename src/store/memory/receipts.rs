//! Requests that may come again, in memory.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::{Ended, NewReceipt, Receipt, Settlement};
use crate::domain::ThreadId;

/// The oldest receipt goes when one more comes.
const MAX_RECEIPTS: usize = 10_000;

/// A client may ask again for so long.
const DAY: Duration = Duration::from_hours(24);

/// All receipts, in the order in which their keys came.
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
    /// The receipt under a key, and how its last try ended.
    pub(super) fn find(&self, key: &str) -> Option<(&Receipt, Option<Ended>)> {
        let noted = self.by_key.get(key).filter(|noted| noted.at.elapsed() < DAY)?;
        let ended = noted.ended.as_ref();
        let ended =
            ended.map(|(at, settled)| Ended { ago: at.elapsed(), ending: settled.ending.clone() });
        Some((&noted.receipt, ended))
    }

    /// Whether another request stands under the key than this try, or the one that it replaces.
    pub(super) fn is_taken(&self, new: &NewReceipt, attempt: &str) -> bool {
        self.find(&new.key).is_some_and(|(there, _)| {
            there.attempt != attempt && Some(&there.attempt) != new.replaces.as_ref()
        })
    }

    /// Notes a request.
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

    /// Notes how a try ended, if it is the last.
    pub(super) fn settle(&mut self, settlement: &Settlement) {
        if let Some(noted) = self.by_key.get_mut(&settlement.key)
            && noted.receipt.attempt == settlement.attempt
        {
            noted.ended = Some((Instant::now(), settlement.clone()));
        }
    }

    /// Forgets those of a thread.
    pub(super) fn forget(&mut self, thread: &ThreadId) {
        self.by_key.retain(|_, noted| noted.receipt.thread != *thread);
        let by_key = &self.by_key;
        self.order.retain(|key| by_key.contains_key(key));
    }
}
