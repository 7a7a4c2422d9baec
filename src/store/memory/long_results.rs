//! Long results in memory (ADR 48).

use std::collections::VecDeque;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::MemoryStore;
use base::domain::{ResultId, ThreadId};
use chat::{
    Lease, LongResult, LongResults, MAX_KEPT_BYTES, MAX_KEPT_RESULTS, PageRange, Resource,
    ResultPage, StoreResult,
};

/// Of all threads together, in bytes: there is no disk behind it.
const MAX_ALL: usize = 64 * 1024 * 1024;

const DAY: Duration = Duration::from_hours(24);

/// The oldest first.
#[derive(Debug, Default)]
pub(super) struct ResultBook(VecDeque<KeptResult>);

#[derive(Debug)]
struct KeptResult {
    resource: Resource,
    result: LongResult,
    at: Instant,
}

impl ResultBook {
    fn keep(&mut self, resource: &Resource, result: &LongResult) {
        self.0.retain(|kept| {
            kept.at.elapsed() < DAY && (kept.resource != *resource || kept.result.id != result.id)
        });
        let (resource, result) = (resource.clone(), result.clone());
        let (mut results, mut bytes, mut all) = (1, result.bytes(), result.bytes());
        let own = resource.clone();
        let mut newest: Vec<_> = self
            .0
            .drain(..)
            .rev()
            .filter(|kept| {
                let size = kept.result.bytes();
                all += size;
                if kept.resource == own {
                    (results, bytes) = (results + 1, bytes + size);
                }
                let is_full = results > MAX_KEPT_RESULTS || bytes > MAX_KEPT_BYTES;
                all <= MAX_ALL && !(kept.resource == own && is_full)
            })
            .collect();
        newest.reverse();
        self.0.extend(newest);
        self.0.push_back(KeptResult { resource, result, at: Instant::now() });
    }

    fn pages(&self, resource: &Resource, id: &ResultId, range: PageRange) -> Vec<ResultPage> {
        let is_it = |kept: &&KeptResult| {
            kept.resource == *resource && kept.result.id == *id && kept.at.elapsed() < DAY
        };
        let Some(KeptResult { result, .. }) = self.0.iter().find(is_it) else { return Vec::new() };
        let is_asked = |number: usize| {
            number.checked_sub(range.first).is_some_and(|place| place < range.count)
        };
        let pages = result.pages.iter().zip(1..).filter(|(_, number)| is_asked(*number));
        let page = |(text, number): (&String, usize)| ResultPage {
            number,
            pages: result.pages.len(),
            origin: result.origin.clone(),
            text: text.clone(),
        };
        pages.map(page).collect()
    }

    pub(super) fn forget(&mut self, thread: &ThreadId) {
        self.0.retain(|kept| kept.resource.as_str() != thread.as_str());
    }
}

impl LongResults for MemoryStore {
    fn keep<'a>(
        &'a self,
        lease: &'a Lease,
        result: &'a LongResult,
    ) -> BoxFuture<'a, StoreResult<()>> {
        let mut all = self.lock();
        let kept = all.held(lease).map(drop);
        if kept.is_ok() {
            all.results.keep(&lease.resource, result);
        }
        ready(kept).boxed()
    }

    fn pages<'a>(
        &'a self,
        resource: &'a Resource,
        result: &'a ResultId,
        range: PageRange,
    ) -> BoxFuture<'a, StoreResult<Vec<ResultPage>>> {
        ready(Ok(self.lock().results.pages(resource, result, range))).boxed()
    }
}
