//! The queue of a thread within this process. Other processes are kept out by the lease (ADR 11).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use base::domain::{Owner, ThreadId};

/// The queues of all threads that have a request. Whoever names a thread of somebody else stands in
/// a queue of its own, and is in nobody's way.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<(Owner, ThreadId), Queue>>);

#[derive(Debug)]
struct Queue {
    turn: Arc<Semaphore>,
    requests: usize,
}

/// A position in the queue of a thread. Dropping it lets the next request in.
#[derive(Debug)]
pub(crate) struct QueueSlot {
    queues: Arc<Queues>,
    key: (Owner, ThreadId),
    order: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Queues {
    /// Joins the queue of a thread. `None` if more than `waiting` requests would wait.
    pub(crate) fn join(
        self: &Arc<Self>,
        owner: &Owner,
        thread: &ThreadId,
        waiting: usize,
    ) -> Option<QueueSlot> {
        let key = (owner.clone(), thread.clone());
        let mut queues = self.lock();
        let new = || Queue { turn: Arc::new(Semaphore::new(1)), requests: 0 };
        let queue = queues.entry(key.clone()).or_insert_with(new);
        // The first request runs and does not wait, so `waiting + 1` may be here.
        if queue.requests > waiting {
            return None;
        }
        queue.requests += 1;
        let turn = Arc::clone(&queue.turn).try_acquire_owned().ok();
        let order = Arc::clone(&queue.turn);
        Some(QueueSlot { queues: Arc::clone(self), key, order, turn })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Owner, ThreadId), Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueSlot {
    pub(crate) const fn is_first(&self) -> bool {
        self.turn.is_some()
    }

    pub(crate) async fn reached(&mut self) {
        // The semaphore is fair: permits are given in the order of arrival.
        if self.turn.is_none() {
            self.turn = Arc::clone(&self.order).acquire_owned().await.ok();
        }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.turn = None;
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.requests -= 1;
            if queue.requests == 0 {
                queues.remove(&self.key);
            }
        }
    }
}
