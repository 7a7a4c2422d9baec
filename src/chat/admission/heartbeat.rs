//! Renews all leases of this process with one statement, however many there are (ADR 23).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::{LEASE, Lease, Resource, Store, ThreadsError};
use base::agents::{Finish, Interrupt};

/// Three attempts before a lease expires.
const EVERY: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// A renewal that takes longer is abandoned, so that it costs one attempt and not two.
const LIMIT: Duration = Duration::from_secs(2);

/// All leases that this process renews.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    held: Mutex<HashMap<Resource, Alive>>,
    /// Notified when there is a lease to renew.
    begun: Notify,
}

/// Who is told that a lease is lost.
#[derive(Debug)]
struct Alive {
    epoch: i64,
    interrupt: Interrupt,
}

/// Ends the renewal of one lease when it is dropped.
#[derive(Debug)]
#[must_use = "a lease that is dropped is not renewed"]
pub(crate) struct Beating {
    heartbeat: Arc<Heartbeat>,
    lease: Lease,
}

impl Heartbeat {
    /// Renews a lease until the guard is dropped; raises the interrupt when the lease is lost.
    pub(super) fn hold(self: &Arc<Self>, lease: &Lease, interrupt: &Interrupt) -> Beating {
        let alive = Alive { epoch: lease.epoch, interrupt: interrupt.clone() };
        self.lock().insert(lease.resource.clone(), alive);
        self.begun.notify_one();
        Beating { heartbeat: Arc::clone(self), lease: lease.clone() }
    }

    fn leases(&self) -> Vec<Lease> {
        let held = self.lock();
        let lease = |(resource, alive): (&Resource, &Alive)| Lease {
            resource: resource.clone(),
            epoch: alive.epoch,
        };
        held.iter().map(lease).collect()
    }

    /// What was not renewed belongs to another process, unless it was released or taken again in
    /// the meantime: then the epoch differs or the entry is gone.
    fn lose(&self, asked: &[Lease], renewed: &[Resource]) {
        let renewed: HashSet<_> = renewed.iter().collect();
        let held = self.lock();
        for lease in asked.iter().filter(|lease| !renewed.contains(&lease.resource)) {
            if let Some(alive) = held.get(&lease.resource).filter(|it| it.epoch == lease.epoch) {
                alive.interrupt.raise(Finish::Lost);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Resource, Alive>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        let mut held = self.heartbeat.lock();
        // A later turn of this process may already hold the same resource.
        if held.get(&self.lease.resource).is_some_and(|alive| alive.epoch == self.lease.epoch) {
            held.remove(&self.lease.resource);
        }
    }
}

/// Renews leases for as long as there are any. Never returns; [`super::super::Chat`] aborts it.
pub(crate) async fn beat(store: Arc<dyn Store>, heartbeat: Arc<Heartbeat>) {
    loop {
        // An idle server sends no statements. A lease that is taken before this is not missed,
        // because `notify_one` stores a permit.
        heartbeat.begun.notified().await;
        let mut ticks = interval(EVERY);
        // After a delay the ticks must not follow each other at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await; // The first tick is immediate.
        loop {
            ticks.tick().await;
            let leases = heartbeat.leases();
            if leases.is_empty() {
                break;
            }
            renew(&*store, &heartbeat, &leases).await;
        }
    }
}

async fn renew(store: &dyn Store, heartbeat: &Heartbeat, leases: &[Lease]) {
    let renewed = timeout(LIMIT, store.renew(leases)).await;
    match renewed.unwrap_or(Err(ThreadsError::Unavailable(None))) {
        Ok(renewed) => heartbeat.lose(leases, &renewed),
        // The lease may still be ours. If it is not, the next write is rejected (ADR 11).
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, leases = leases.len(), "Leases not renewed");
        }
    }
}
