//! The journal of effects (ADR 12).

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::MemoryStore;
use base::domain::ItemId;
use chat::{DoneEffect, Journal, Known, Lease, NewEffect, Resource, StoreResult};

impl Journal for MemoryStore {
    fn intend<'a>(
        &'a self,
        lease: &'a Lease,
        effect: &'a NewEffect,
    ) -> BoxFuture<'a, StoreResult<Known>> {
        self.write(lease, |kept| kept.intend(effect))
    }

    fn conclude<'a>(
        &'a self,
        lease: &'a Lease,
        key: &'a str,
        output: &'a str,
    ) -> BoxFuture<'a, StoreResult<()>> {
        // Without a check of the lease: what the tool answered is true even if the lease was lost,
        // and the next try must find it (ADR 12).
        if let Some(kept) = self.lock().find(lease.resource.as_str()) {
            kept.conclude(key, output);
        }
        ready(Ok(())).boxed()
    }

    fn withdraw<'a>(&'a self, lease: &'a Lease, key: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        if let Ok(kept) = self.lock().held(lease) {
            kept.withdraw(key);
        }
        ready(Ok(())).boxed()
    }

    fn effects<'a>(
        &'a self,
        resource: &'a Resource,
        root: &'a ItemId,
    ) -> BoxFuture<'a, StoreResult<Vec<DoneEffect>>> {
        let mut all = self.lock();
        let effects = all.find(resource.as_str()).map(|kept| kept.effects(root));
        ready(Ok(effects.unwrap_or_default())).boxed()
    }
}
