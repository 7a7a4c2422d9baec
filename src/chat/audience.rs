//! Who hears of a turn: each through a bounded queue, latecomers from the first event on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::ThreadEvent;

/// So many events may wait for a slow listener before the turn waits too.
const BACKLOG: usize = 64;

/// A turn that said more than this many events is too long to be told from the start.
const MAX_TOLD: usize = 4_096;

/// The listeners of one turn.
#[derive(Debug)]
pub(super) struct Audience(Mutex<Hall>);

#[derive(Debug)]
struct Hall {
    listeners: Vec<mpsc::Sender<ThreadEvent>>,
    /// Everything said so far, if somebody may come late.
    told: Option<Vec<ThreadEvent>>,
    /// Nobody was left: whoever comes now finds the turn being cut.
    is_deserted: bool,
}

impl Audience {
    /// An audience of one; `remembers` what is told if others may come.
    pub(super) fn of_one(remembers: bool) -> (Self, mpsc::Receiver<ThreadEvent>) {
        let (listener, events) = mpsc::channel(BACKLOG);
        let told = remembers.then(Vec::new);
        let hall = Hall { listeners: vec![listener], told, is_deserted: false };
        (Self(Mutex::new(hall)), events)
    }

    /// Joins, and hears everything from the start; none if it is too late for that.
    pub(super) fn join(&self) -> Option<mpsc::Receiver<ThreadEvent>> {
        let mut hall = self.lock();
        if hall.is_deserted {
            return None;
        }
        let told = hall.told.as_ref()?;
        let (listener, events) = mpsc::channel(BACKLOG + told.len());
        for event in told {
            if listener.try_send(event.clone()).is_err() {
                return None;
            }
        }
        hall.listeners.push(listener);
        Some(events)
    }

    /// Tells everybody; tells the caller whether anybody is left.
    pub(super) async fn tell(&self, event: ThreadEvent) -> bool {
        let slow = self.tell_the_quick(event);
        for (listener, event) in slow {
            if listener.send(event).await.is_err() {
                tracing::debug!("A listener left");
            }
        }
        !self.lock().listeners.is_empty()
    }

    /// Waits until nobody is left.
    pub(super) async fn deserted(&self) {
        while let Some(listener) = self.somebody() {
            listener.closed().await;
        }
    }

    /// Those whose queue is full are told later, without the lock.
    fn tell_the_quick(&self, event: ThreadEvent) -> Vec<(mpsc::Sender<ThreadEvent>, ThreadEvent)> {
        let mut hall = self.lock();
        hall.remember(&event);
        if let [only] = hall.listeners.as_slice() {
            return match only.try_send(event) {
                Ok(()) => Vec::new(),
                Err(mpsc::error::TrySendError::Full(event)) => vec![(only.clone(), event)],
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    hall.listeners.clear();
                    Vec::new()
                }
            };
        }
        let mut slow = Vec::new();
        hall.listeners.retain(|listener| match listener.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(event)) => {
                slow.push((listener.clone(), event));
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
        slow
    }

    fn somebody(&self) -> Option<mpsc::Sender<ThreadEvent>> {
        let mut hall = self.lock();
        hall.listeners.retain(|listener| !listener.is_closed());
        hall.is_deserted = hall.listeners.is_empty();
        hall.listeners.first().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    fn remember(&mut self, event: &ThreadEvent) {
        if self.told.as_ref().is_some_and(|told| told.len() >= MAX_TOLD) {
            self.told = None;
        }
        if let Some(told) = &mut self.told {
            told.push(event.clone());
        }
    }
}
