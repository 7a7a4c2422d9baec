//! Requests that come twice while their turn runs here: the second hears the same turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::audience::Audience;
use super::{BeginError, RepeatKey, Turn};
use crate::domain::ThreadId;

/// The turns of this process that may be asked for again.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<HashMap<String, Live>>);

#[derive(Debug)]
struct Live {
    body: String,
    thread: ThreadId,
    audience: Weak<Audience>,
}

impl Repeats {
    /// Joins the turn of an earlier copy, if it still runs here and can be told from the start.
    pub(super) fn join(&self, key: &RepeatKey) -> Result<Option<Turn>, BeginError> {
        let live = self.lock();
        let Some(live) = live.get(&key.key) else { return Ok(None) };
        if live.body != key.body {
            return Err(BeginError::KeyReused);
        }
        let events = live.audience.upgrade().and_then(|audience| audience.join());
        Ok(events.map(|events| Turn { thread: live.thread.clone(), events }))
    }

    /// Notes a turn; those that are over are forgotten.
    pub(super) fn note(&self, key: &RepeatKey, thread: &ThreadId, audience: &Arc<Audience>) {
        let mut all = self.lock();
        all.retain(|_, live| live.audience.strong_count() > 0);
        let (body, audience) = (key.body.clone(), Arc::downgrade(audience));
        all.insert(key.key.clone(), Live { body, thread: thread.clone(), audience });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
