//! The port `Allowances` over the book of what owners have used.

use std::collections::VecDeque;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::conversation::StoredThread;
use super::{All, MemoryStore};
use base::domain::{CallerLimits, Owner, SpendByModel, ThreadId};
use chat::{Allowances, Charge, Count, Held, ModelUsage, NewTurn, StoreResult, Used};

impl All {
    /// Adds the cost of a turn, unless that was done.
    pub(super) fn charge(&mut self, owner: &Owner, thread: &str, charge: &Charge) {
        if self.find(thread).is_none_or(|kept| kept.charge(&charge.turn)) {
            self.usage.charge(owner, charge);
        }
    }

    /// A turn that was not charged when the next one begins has an unknown cost.
    pub(super) fn charge_abandoned(&mut self, thread: &ThreadId, next: &str) {
        let Some(kept) = self.find(thread.as_str()) else { return };
        let owner = kept.thread.owner.clone();
        if let Some(turn) = kept.abandoned(next) {
            let charge = Charge { turn, turns: 1, spends: SpendByModel::unknown() };
            self.usage.charge(&owner, &charge);
        }
    }
}

fn is_held(threads: &VecDeque<StoredThread>, id: &str) -> bool {
    let kept = threads.iter().rfind(|kept| kept.thread.id.as_str() == id);
    kept.is_some_and(|kept| kept.held() == Held::Now)
}

impl Allowances for MemoryStore {
    fn count<'a>(&'a self, turn: &'a NewTurn) -> BoxFuture<'a, StoreResult<Count>> {
        let All { threads, usage, .. } = &mut *self.lock();
        ready(Ok(usage.count(turn, |id| is_held(threads, id)))).boxed()
    }

    fn uncount<'a>(&'a self, turn: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        self.lock().usage.uncount(turn);
        ready(Ok(())).boxed()
    }

    fn count_in<'a>(
        &'a self,
        turn: &'a str,
        thread: &'a ThreadId,
    ) -> BoxFuture<'a, StoreResult<()>> {
        self.lock().usage.count_in(turn, thread);
        ready(Ok(())).boxed()
    }

    fn charge<'a>(
        &'a self,
        owner: &'a Owner,
        thread: &'a ThreadId,
        charge: &'a Charge,
    ) -> BoxFuture<'a, StoreResult<()>> {
        self.lock().charge(owner, thread.as_str(), charge);
        ready(Ok(())).boxed()
    }

    fn used<'a>(
        &'a self,
        owner: &'a Owner,
        limits: &'a CallerLimits,
    ) -> BoxFuture<'a, StoreResult<Used>> {
        let All { threads, usage, .. } = &mut *self.lock();
        let is_held = |id: &str| is_held(threads, id);
        ready(Ok(usage.used(owner, limits.turns_per_minute, &is_held))).boxed()
    }

    fn usage<'a>(
        &'a self,
        owner: &'a Owner,
        days: u32,
    ) -> BoxFuture<'a, StoreResult<Vec<ModelUsage>>> {
        ready(Ok(self.lock().usage.usage(owner, days))).boxed()
    }
}
