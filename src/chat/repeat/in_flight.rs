//! Requests that come again while their turn runs here: the second hears the same turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::super::turn::{Cursor, Log};
use super::super::{BeginError, RepeatKey, Turn};
use crate::domain::ThreadId;

/// The turns of this process that may be asked for again.
#[derive(Debug, Default)]
pub(in crate::chat) struct InFlight(Arc<Mutex<HashMap<String, Live>>>);

#[derive(Debug)]
struct Live {
    body: String,
    thread: ThreadId,
    log: Weak<Log>,
}

/// Forgets its turn when it is dropped.
#[derive(Debug)]
pub(in crate::chat) struct Noted {
    all: Arc<Mutex<HashMap<String, Live>>>,
    key: String,
    log: Weak<Log>,
}

impl InFlight {
    /// Joins the turn of an earlier copy, if it still runs here and can be told from the start.
    pub(in crate::chat) fn join(&self, key: &RepeatKey) -> Result<Option<Turn>, BeginError> {
        let live = lock(&self.0);
        let Some(live) = live.get(&key.key) else { return Ok(None) };
        if live.body != key.body {
            return Err(BeginError::KeyReused);
        }
        let events = live.log.upgrade().and_then(|log| log.join(Cursor::default()));
        Ok(events.map(|events| Turn { thread: live.thread.clone(), events }))
    }

    /// Notes a turn for as long as what is given back lives.
    pub(in crate::chat) fn note(
        &self,
        key: &RepeatKey,
        thread: &ThreadId,
        log: &Arc<Log>,
    ) -> Noted {
        let (body, log) = (key.body.clone(), Arc::downgrade(log));
        let live = Live { body, thread: thread.clone(), log: Weak::clone(&log) };
        lock(&self.0).insert(key.key.clone(), live);
        Noted { all: Arc::clone(&self.0), key: key.key.clone(), log }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        // A later turn may stand there, if this one could not be joined any more.
        if all.get(&self.key).is_some_and(|live| Weak::ptr_eq(&live.log, &self.log)) {
            all.remove(&self.key);
        }
    }
}

fn lock(all: &Mutex<HashMap<String, Live>>) -> MutexGuard<'_, HashMap<String, Live>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}
